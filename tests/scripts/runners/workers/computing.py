"""Processes that compute, for tests of who gets the processor."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from twisted.internet.task import Clock

from twistedsite.scripts.runners.deadlines import Deadlines
from twistedsite.scripts.runners.workers.scheduling import priority
from twistedsite.scripts.runners.workers.scheduling.cpu_monitor import LOOK, Precedence
from twistedsite.scripts.runners.workers.scheduling.priority import Level

NICE = os.getpriority(os.PRIO_PROCESS, 0)

PROGRAM = """
import os, signal, sys, threading, time
from twistedsite.scripts.runners.workers.scheduling.priority import begin_quick
from twistedsite.scripts.sandbox.kernel import prctl
prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
begin_quick()
def spin():
    while True: time.monotonic()
threads = int(sys.argv[1])
for _ in range(threads - 1):
    threading.Thread(target=spin).start()
signal.signal(signal.SIGUSR1, lambda *_: os.read(sys.stdin.fileno(), 1))
print("there", flush=True)
while not threads: signal.pause()
spin()
"""


QUICK = 0.01
"""Seconds of the processor."""


class Process:
    """What `Precedence` has to do with of a worker: a process of its own that computes, or sleeps."""

    watched = False
    level = Level.QUICK
    jobs_done = 0
    gone = False

    def __init__(self, pid: int) -> None:
        self.jobs = ["a job"]
        self.pid = pid

    def alive(self) -> bool:
        return not self.gone

    def sleep(self) -> None:
        """Have it compute no more; return when that is so."""
        os.kill(self.pid, signal.SIGUSR1)
        while state_of(self.pid) != "S":
            select.select([], [], [], 0.001)

    def use(self, seconds: float) -> None:
        """Wait until it has used so much more of the processor."""
        until = priority.used(self.pid) + seconds
        while priority.used(self.pid) < until:
            select.select([], [], [], 0.001)

    @property
    def policies(self) -> set[int]:
        """Of all its threads."""
        return {os.sched_getscheduler(int(thread)) for thread in os.listdir(f"/proc/{self.pid}/task")}

    @property
    def nice(self) -> int:
        """How far it is behind this process."""
        return os.getpriority(os.PRIO_PROCESS, self.pid) - NICE


def state_of(pid: int) -> str:
    """The state of the main thread of the process `pid` (proc_pid_stat(5))."""
    with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
        return file.read().rpartition(")")[2].split()[0]


@contextlib.contextmanager
def running(threads: int) -> Iterator[Any]:
    """A process of `threads` threads, all of which compute; none: it sleeps."""
    command = [sys.executable, "-c", PROGRAM, str(threads)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "there\n"
            yield Process(process.pid)
        finally:
            process.kill()


def seen(clock: Clock, processes: list[Any], used: float) -> Precedence:
    """A precedence that looks at `processes`, each of which has used so many seconds of the processor since."""
    precedence = Precedence(Deadlines(clock), QUICK)
    for process in processes:
        precedence.watch(process)
    clock.advance(LOOK)
    for process in processes:
        process.use(used)
    return precedence
