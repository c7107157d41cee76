"""What it costs to run scripts in processes: their kill, their start, their memory, and what neighbours notice."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

from benchmarks.load import run_wrk
from benchmarks.process import Server, children_of, free_port, get, private_memory
from benchmarks.results import OURS, Amounts
from benchmarks.rivals.ours import TWISTD

ISOLATION = "isolation"
DEADLINE = 0.2
"""Seconds that a script which hangs has."""
SITES = {
    "one": {
        "hang/hang.py": "while True: pass\n",
        "hang/_folder.toml": f"timeout = {DEADLINE}\n",
        "spin.py": "while True: pass\n",
        "hello.py": "print('hello')\n",
    },
    "other": {"hello.py": "print('hello')\n"},
}
WORKERS = 4
"""Processes that one site may have."""
SETTLED = 8
"""Seconds after which scripts that spin on one core together are all behind."""
ROUNDS = 11
"""Of which the median counts, where a p99 is compared: each lasts as long as the caller says."""


def measure(work: Path, times: int, seconds: int, say: Callable[[str], None]) -> list[Amounts]:
    """All that is measured of workers, each `times` times, or for so many `seconds`."""
    late, after = Amounts("kill", "504 after the deadline (p99)", "ms"), Amounts("heir", "Next answer (p99)", "ms")
    spawn, memory = Amounts("spawn", "New process to answer (p99)", "ms"), Amounts("private", "Idle worker", "MB")
    quiet = Amounts("quiet", "p99 of a page, undisturbed", "ms")
    beginning = Amounts("beginning", "p99 from the moment on at which a neighbour begins to spin", "ms")
    neighbour = Amounts("neighbour", f"p99 while a neighbour spins, from {SETTLED} s on", "ms")
    say(f"{ISOLATION}: kill")
    with _serving(work / "kill", "max_workers = 1") as server:
        lateness, heirs = zip(*(_killed(server.port) for _ in range(times)), strict=True)
        late.values[OURS], after.values[OURS] = _p99(lateness) * 1000, _p99(heirs) * 1000
    say(f"{ISOLATION}: spawn")
    with _serving(work / "spawn", "reuse = 'per-request'") as server:
        spawn.values[OURS] = _p99([_timed(server.port, "/hello") for _ in range(times)]) * 1000
    say(f"{ISOLATION}: memory")
    with _serving(work / "memory", f"max_workers = {WORKERS}") as server:
        _all_at_once(server.port, WORKERS, "/hello")
        workers = [worker for zygote in children_of(server.pid) for worker in children_of(zygote)]
        memory.values[OURS] = sum(map(private_memory, workers)) / len(workers) / 1e6
    say(f"{ISOLATION}: neighbour")
    with _serving(work / "neighbour", f"max_workers = {WORKERS}") as server:
        url = f"http://127.0.0.1:{server.port}/hello"

        def p99() -> float:
            return run_wrk(url, 4, seconds, {"Host": "other.example.org"}, work).p99 / 1e3

        p99()
        quiet.values[OURS] = median(p99() for _ in range(ROUNDS))
        spinning = [threading.Thread(target=_ask, args=(server.port, "/spin")) for _ in range(WORKERS)]
        for thread in spinning:
            thread.start()
        beginning.values[OURS] = p99()
        time.sleep(max(0, SETTLED - seconds))
        neighbour.values[OURS] = median(p99() for _ in range(ROUNDS))
    for thread in spinning:
        thread.join()
    return [late, after, spawn, memory, quiet, beginning, neighbour]


@contextmanager
def _serving(folder: Path, workers: str) -> Iterator[Server]:
    folder.mkdir()
    tables = [f"access_log = 'off'\ndrain = '0s'\n[workers]\n{workers}\n"]
    for site, files in SITES.items():
        tables.append(f"[sites.{site}]\nhosts = ['{site}.example.org']\nroot = '{site}'\n")
        for name, text in files.items():
            path = folder / site / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    settings = folder / "server.toml"
    settings.write_text("".join(tables))
    port = free_port()
    listen = f"tcp:{port}:interface=127.0.0.1"
    command = [TWISTD, "-n", "--pidfile=", "scriptsite", "--settings", str(settings), "--listen", listen]
    with Server([command], port, folder) as server:
        server.wait_for("/hello", {"Host": "one.example.org"})
        yield server


def _killed(port: int) -> tuple[float, float]:
    """Seconds by which the client is told late that its script was killed, and until the next one is answered."""
    late = _timed(port, "/hang/hang", 504) - DEADLINE
    return late, _timed(port, "/hello")


def _timed(port: int, path: str, status: int = 200) -> float:
    began = time.perf_counter()
    answer = get(port, path, {"Host": "one.example.org"})
    taken = time.perf_counter() - began
    if answer.status != status:
        raise ValueError(f"GET {path}: status {answer.status} instead of {status}")
    return taken


def _all_at_once(port: int, count: int, path: str) -> None:
    threads = [threading.Thread(target=_ask, args=(port, path)) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _ask(port: int, path: str) -> None:
    # A server that is stopped meanwhile answers nothing more.
    with suppress(OSError, http.client.HTTPException):
        get(port, path, {"Host": "one.example.org"})


def _p99(times: list[float] | tuple[float, ...]) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * 0.99))]
