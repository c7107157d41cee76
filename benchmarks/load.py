"""Drives wrk and reads what it found. The load is bounded: one thread, so many connections, so many seconds."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec

REPORT = """done = function(summary, latency)
  io.write(string.format(
    '{"requests":%d,"bytes":%d,"microseconds":%d,"failed":%d,"cut":%d,"refused":%d,"p50":%d,"p99":%d}\\n',
    summary.requests, summary.bytes, summary.duration,
    summary.errors.connect + summary.errors.write + summary.errors.timeout, summary.errors.read,
    summary.errors.status, latency:percentile(50), latency:percentile(99)))
end
"""
"""A wrk script (Lua) that adds one line of JSON to wrk's output; without `request` and `response`, it costs no time."""


class Load(msgspec.Struct, frozen=True):
    """What wrk counted in one round."""

    requests: int
    """Answers received whole."""
    bytes: int
    """Bytes received, heads included."""
    microseconds: int
    failed: int
    """Connections that were refused or waited too long."""
    cut: int
    """Connections that the server closed while wrk was reading."""
    refused: int
    """Answers with a status from 400 on."""
    p50: int
    """Microseconds within which half of the answers came."""
    p99: int
    """Microseconds within which 99 of 100 answers came."""


def parse(output: str) -> Load:
    """The line of `REPORT` in wrk's output; `ValueError` where there is none."""
    for line in output.splitlines():
        if line.startswith("{"):
            return msgspec.json.decode(line, type=Load)
    raise ValueError(f"wrk reported no figures: {output.strip()!r}")


def run_wrk(url: str, connections: int, seconds: int, headers: Mapping[str, str], folder: Path) -> Load:
    """Load `url` for `seconds`; `folder` is where wrk's script is kept."""
    script = folder / "report.lua"
    script.write_text(REPORT)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script)]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    done = subprocess.run([*command, url], capture_output=True, text=True, timeout=seconds + 60, check=True)
    return parse(done.stdout)
