"""Who goes first where scripts use up the processor: what of it the kernel is told, and what it tells.

Whoever asks for short turns is let in at once (Linux from 6.12 on, EEVDF: Documentation/scheduler/sched-eevdf.rst).
Else a thread that wakes up may have to wait until a script that computes has used up its turn, for some milliseconds.
That takes nothing from anybody: a thread with short turns has more of them, not more of the processor.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import math
import os
import struct
import time
from typing import Final

from twistedsite.scripts.sandbox.kernel import MACHINE, syscall

TURN: Final = 100_000
"""Nanoseconds of one turn: the shortest that the kernel knows."""
_SCHED_SETATTR: Final = {"x86_64": 314, "aarch64": 274}
# include/uapi/linux/sched/types.h, struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period
_ATTRIBUTES: Final = struct.Struct("=IIQiIQQQ")
_RESET_ON_FORK: Final = 1
"""include/uapi/linux/sched.h: what this thread starts, the zygote and its workers, has turns of the usual length."""
_NICEST: Final = 19
_STEP: Final = 1.25
"""How many times more of the processor one has that is a step ahead (sched(7), kernel/sched/core.c)."""
_THREADS: Final = 8
"""Threads of one process that are looked at."""
_SCHEDULED: Final = 2
"""include/linux/posix-timers_types.h, CPUCLOCK_SCHED: to the nanosecond."""


class Level(enum.IntEnum):
    """Which place a worker has among those that want the processor."""

    QUICK = 0
    """That of the server itself, but that it pushes nobody aside in the middle of a turn."""
    LONG = 1
    """All that are here have, together, a tenth of what one of those above has."""
    ENDLESS = 2
    """It has what all others leave, and any of them interrupts it at once."""


_CLASSES: Final = {
    Level.QUICK: (os.SCHED_BATCH, 0, TURN),
    Level.LONG: (os.SCHED_BATCH, 10, 0),
    Level.ENDLESS: (os.SCHED_IDLE, 10, 0),
}
"""Scheduling policy (sched(7)), steps behind the server (nice), and nanoseconds of a turn; 0: the usual ones."""


def take_short_turns() -> None:
    """Ask for short turns for the calling thread. An older kernel ignores that; a realtime class has no turns."""
    policy = os.sched_getscheduler(0)
    if policy in (os.SCHED_OTHER, os.SCHED_BATCH):
        with contextlib.suppress(OSError):
            _set(0, policy, 0, TURN, _RESET_ON_FORK)


def begin_quick() -> None:
    """Put the calling process, a new worker, where quick scripts are, if the kernel lets it."""
    with contextlib.suppress(OSError):
        _set(0, *_CLASSES[Level.QUICK])


def put(pid: int, level: Level, many: int = 1) -> None:
    """Put every thread of the process `pid` where `level` is, from the server's own place, as one of `many` there.

    Raises OSError: to put it ahead again takes CAP_SYS_NICE, as does to touch another user's process at all.
    """
    policy, steps, turn = _CLASSES[level]
    if level is Level.LONG:
        steps += round(math.log(many, _STEP))
    for thread in map(int, os.listdir(f"/proc/{pid}/task")):
        with contextlib.suppress(ProcessLookupError):
            _set(thread, policy, steps, turn)


def _set(thread: int, policy: int, steps: int, turn: int, flags: int = 0) -> None:
    number = _SCHED_SETATTR.get(MACHINE)
    if number is None:
        raise OSError(errno.ENOSYS, f"the number of sched_setattr is not known for {MACHINE}")
    nice = min(os.getpriority(os.PRIO_PROCESS, 0) + steps, _NICEST)
    syscall(number, thread, _ATTRIBUTES.pack(_ATTRIBUTES.size, policy, flags, nice, 0, turn, 0, 0), 0)


def used(pid: int) -> float:
    """Seconds of the processor that the process `pid` has used, all its threads together. Raises OSError.

    By its clock, whose number is made as by clock_getcpuclockid(3): one system call, and no file to read.
    """
    return time.clock_gettime(~pid << 3 | _SCHEDULED)


def wants_processor(pid: int) -> bool:
    """Whether a thread of the process `pid` runs on a processor or waits for one: state R of proc_pid_stat(5).

    Of many threads only the first few are looked at, as this is done often.
    """
    try:
        state, threads = _state(f"/proc/{pid}/stat")
        if state == b"R" or threads == 1:
            return state == b"R"
        others = os.listdir(f"/proc/{pid}/task")[1:_THREADS]
        return any(_state(f"/proc/{pid}/task/{other}/stat")[0] == b"R" for other in others)
    except (OSError, IndexError, ValueError):
        return False


def _state(path: str) -> tuple[bytes, int]:
    """State and number of threads. The process's name before them, in parentheses, may contain anything."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fields = os.read(descriptor, 1024).rpartition(b")")[2].split(None, 18)
    finally:
        os.close(descriptor)
    return fields[0], int(fields[17])
