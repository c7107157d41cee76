"""`python -m benchmarks`: install the rivals, measure them and twistedsite side by side, write the tables and the plot.

A whole run takes about twenty minutes and writes `docs/benchmarks.md` and `docs/benchmarks.svg`. A part of it
(`--only`, `--quick`) prints its tables, and writes them only where `--output` says so.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import install, isolation, measure, plot, report
from benchmarks.cases import CASES
from benchmarks.idle import raise_descriptor_limit
from benchmarks.process import LOAD_CORE, SERVER_CORE
from benchmarks.results import Results
from benchmarks.rivals import RIVALS
from benchmarks.rivals.base import ROOT
from benchmarks.site import build_site


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    cases = ", ".join([*(case.key for case in CASES), measure.IDLE, measure.START, isolation.ISOLATION])
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure twistedsite and other servers side by side.",
        epilog=f"Cases: {cases}. Rivals: {', '.join(rival.key for rival in RIVALS)}.",
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each case (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=2, help="seconds of load on each server in a round (default: 2)")
    parser.add_argument(
        "--only", action="append", default=[], metavar="CASE/RIVAL", help="also CASE or /RIVAL; repeatable"
    )
    parser.add_argument("--quick", action="store_true", help="one round of one second")
    parser.add_argument("--output", type=Path, help="folder for benchmarks.md and benchmarks.svg (whole run: docs)")
    parser.add_argument("--no-install", action="store_true", help="measure what is installed already")
    options = parser.parse_args(arguments)
    if unknown := measure.Selection(options.only).unknown():
        parser.error(f"--only: no such case or rival: {', '.join(unknown)}")
    if options.rounds < 1 or options.seconds < 1:
        parser.error("--rounds and --seconds must be at least 1")
    if options.quick:
        options.rounds = options.seconds = 1
    if options.output is None and not options.only and not options.quick:
        options.output = ROOT / "docs"
    return options


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, CPython {platform.python_version()}"


def _method(rounds: int, seconds: int) -> str:
    pinning = (
        "server and wrk on the only core" if SERVER_CORE == LOAD_CORE else "the server on one core, wrk on another"
    )
    longer = [f"{rival.title}: {rival.least_seconds} s" for rival in RIVALS if rival.least_seconds > seconds]
    more = f" ({', '.join(longer)})" if longer else ""
    return (
        f"{rounds} round{'s' * (rounds > 1)} of {seconds} s{more} "
        "for each server and case, servers taking turns in a round; "
        f"{pinning}; wrk with 32 connections (100 MB file: 4, listing: 2), kept alive where the server does; "
        "over loopback, without TLS; no server writes an access log; one worker process each (php-fpm: 5)"
    )


def main(arguments: Sequence[str]) -> int:
    """Run by the command line's `arguments`; the exit status."""
    options = _options(arguments)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{(time.monotonic() - began) / 60:4.1f} min] {text}", file=sys.stderr, flush=True)

    if not options.no_install:
        install.install(say)
    if shutil.which("wrk") is None:
        say("wrk is not installed; it makes the load: apt-get install wrk")
        return 1
    connections = raise_descriptor_limit()
    os.sched_setaffinity(0, {LOAD_CORE})
    results = Results(
        machine=_machine(),
        method=_method(options.rounds, options.seconds),
        titles={rival.key: rival.title for rival in RIVALS},
        versions={rival.key: install.name_with_versions(rival) for rival in RIVALS},
    )
    selection = measure.Selection(options.only)
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as name:
        work = Path(name)
        work.chmod(0o755)
        bench = measure.Bench(build_site(work), work, options.rounds, options.seconds, say)
        for case in CASES:
            if rivals := selection.rivals(case.key, measure.concerned(case.key)):
                results.cases.append(bench.case(case, rivals))
        if rivals := selection.rivals(measure.IDLE, measure.concerned(measure.IDLE)):
            results.amounts.append(bench.idle(rivals, connections))
        if rivals := selection.rivals(measure.START, measure.concerned(measure.START)):
            results.amounts.append(bench.start_up(rivals))
        if selection.wants(isolation.ISOLATION):
            results.amounts += isolation.measure(work, 100 if options.rounds > 1 else 20, options.seconds, say)
    print(report.markdown(results))
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "benchmarks.md").write_text(report.markdown(results, "benchmarks.svg"))
        (options.output / "benchmarks.svg").write_text(plot.svg(results))
        say(f"written: {options.output}/benchmarks.md, {options.output}/benchmarks.svg")
    return 0


if __name__ == "__main__":
    # An exception, unlike a signal, ends the servers too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main(sys.argv[1:]))
