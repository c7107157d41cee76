"""Real servers in processes of their own, for tests: `running(...)` starts one and waits until it tells its URL."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

BIN = Path(sys.executable).parent
TWISTD = (str(BIN / "twistd"), "--nodaemon", "--pidfile=", "scriptsite")
TWIST = (str(BIN / "twist"), "scriptsite")
SERVE = (str(BIN / "scriptsite"), "serve")
ANY_PORT = ("--listen", "tcp:0:interface=127.0.0.1")
PATIENCE = 100.0
"""Seconds after which a server that tells nothing, or does not end, is killed: its test fails and does not hang."""

_URL = re.compile(r"https?://[^\s\"]+/|unix:[^\s\"]+")


def clean_environment(**variables: str) -> dict[str, str]:
    """This process' environment without any setting of a server, and with `variables`."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SCRIPTSITE_")} | variables


def run(
    *command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `command` to its end; return its output and exit status."""
    return subprocess.run(
        command, cwd=cwd, env=env or clean_environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


class Server:
    """A server that runs; `urls` are those that it told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.urls: list[str] = []
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append(line)
            if urls := _URL.findall(line):
                self.urls = urls
                break

    @property
    def url(self) -> str:
        """The first URL that it serves."""
        return self.urls[0]

    def get(self, path: str = "", **headers: str) -> tuple[int, str]:
        """Return status and text of the page at `path`."""
        return get(self.url + path, **headers)

    def stop(self, number: int = signal.SIGTERM) -> str:
        """Signal it, wait for its end, and return all that it has written."""
        guard = threading.Timer(PATIENCE, self.process.kill)
        guard.start()
        self.process.send_signal(number)
        assert self.process.stdout is not None
        self.lines += self.process.stdout.readlines()
        self.process.wait(PATIENCE)
        guard.cancel()
        return "".join(self.lines)


def get(url: str, **headers: str) -> tuple[int, str]:
    """Return status and text of the page at `url`."""
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@contextlib.contextmanager
def running(
    *command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, patience: float = PATIENCE
) -> Iterator[Server]:
    """Run `command` for the length of a `with` block, which begins when the server has told its URL.

    It is killed after `patience` seconds.
    """
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env or clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    guard = threading.Timer(patience, process.kill)
    guard.start()
    try:
        server = Server(process)
        guard.cancel()
        assert server.urls, "".join(server.lines)
        yield server
    finally:
        guard.cancel()
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
