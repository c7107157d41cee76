"""One server under measurement: started on its own core, watched through /proc, stopped with all its processes."""

from __future__ import annotations

import http.client
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

TICK = os.sysconf("SC_CLK_TCK")
# Taken before this process moves to the load's core; the same core where this machine has only one.
SERVER_CORE, *_, LOAD_CORE = sorted(os.sched_getaffinity(0)) * 2

START_DEADLINE = 20.0
STOP_DEADLINE = 10.0

FIRST_PORT = 10_000
"""Below are the ports of well-known services, and others that a page may name."""


class NotMeasuredError(Exception):
    """A server that cannot be measured; the text says why."""


@dataclass(frozen=True)
class Answer:
    """One response, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def get(port: int, path: str, headers: Mapping[str, str] | None = None) -> Answer:
    """GET `path` from the loopback interface on a connection of its own; names of the answer's fields in lower case."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, response.read())
    finally:
        connection.close()


def free_port() -> int:
    """A TCP port on which nobody listens, for a server that has to be told its own.

    It is none of those that the kernel hands out by itself, unless it hands out all: one of these may be a client's
    before the server listens, and then the server is refused it. Even who only looks whether it listens may be handed
    that very port, and is then connected to himself.
    """
    first_handed_out = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(FIRST_PORT, first_handed_out) if first_handed_out > FIRST_PORT else 0
        with socket.socket() as found, suppress(OSError):
            found.bind(("", port))
            return int(found.getsockname()[1])


class Server:
    """The processes of one rival, from `with` to its end."""

    def __init__(self, commands: Sequence[Sequence[str]], port: int, folder: Path) -> None:
        """`commands` are started together, in `folder`, which also gets their output (`server.log`)."""
        self.port = port
        self._commands = commands
        self._folder = folder
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Server:
        with (self._folder / "server.log").open("ab") as log:
            for command in self._commands:
                self._started.append(
                    subprocess.Popen(
                        ["taskset", "-c", str(SERVER_CORE), *command],
                        cwd=self._folder,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._started:
            _signal(process, signal.SIGTERM)
        for process in self._started:
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_DEADLINE)
            # The group may outlive its leader.
            _signal(process, signal.SIGKILL)
            process.wait()

    @property
    def pid(self) -> int:
        """The process id of the first command."""
        return self._started[0].pid

    def wait_for(self, path: str, headers: Mapping[str, str] | None = None) -> None:
        """Ask for `path` until the answer is 200; `NotMeasuredError` after `START_DEADLINE` or when a process ends."""
        deadline = time.monotonic() + START_DEADLINE
        last = "no connection"
        while time.monotonic() < deadline:
            if any(process.poll() is not None for process in self._started):
                raise NotMeasuredError(f"ended at once: {self._last_words()}")
            try:
                answer = get(self.port, path, headers)
            except (OSError, http.client.HTTPException) as error:
                last = str(error)
            else:
                if answer.status == 200:
                    return
                last = f"status {answer.status}"
            time.sleep(0.002)
        raise NotMeasuredError(f"no 200 for {path} within {START_DEADLINE:.0f} s ({last}): {self._last_words()}")

    def cpu(self) -> float:
        """Seconds of processor time, user and system, of all processes so far, those that have ended included."""
        # Fields 14-17 of proc(5): utime, stime, cutime, cstime. The latter two hold the children that were waited for.
        return sum(sum(map(int, fields[11:15])) for fields in self._tree().values()) / TICK

    def memory(self) -> int:
        """Bytes of memory of all processes, pages shared among several counted once (PSS)."""
        return sum(_pss(pid) for pid in self._tree())

    def _tree(self) -> dict[int, list[str]]:
        stats = _process_stats()
        tree: dict[int, list[str]] = {}
        wanted = [process.pid for process in self._started]
        while wanted:
            pid = wanted.pop()
            if pid in stats:
                tree[pid] = stats[pid]
                wanted += [child for child, fields in stats.items() if int(fields[1]) == pid]
        return tree

    def _last_words(self) -> str:
        lines = (self._folder / "server.log").read_text(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _process_stats() -> dict[int, list[str]]:
    """The fields of each /proc/PID/stat from the third (state) on."""
    stats = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                text = Path(entry.path, "stat").read_text()
            except OSError:
                continue
            stats[int(entry.name)] = text.rpartition(")")[2].split()
    return stats


def children_of(pid: int) -> list[int]:
    """The process ids of the children of `pid`."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def private_memory(pid: int) -> int:
    """Bytes of memory that the process `pid` shares with no other."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:")))


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
