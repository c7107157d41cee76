"""Who goes first where scripts use up the processor: what the kernel is told about it, and what it tells.

A thread that asks for short slices is let in at once (Linux from 6.12 on, EEVDF: sched-eevdf.rst in the kernel's
documentation). Else a thread that wakes up may have to wait until a script that computes has used up its slice, for
some milliseconds. That takes nothing from anybody: a thread with short slices has more of them, not more of the
processor.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import time
from typing import Final

from twistedsite.scripts.sandbox.kernel import MACHINE, syscall

SLICE: Final = 100_000
"""Nanoseconds of one slice: the shortest that the kernel knows."""
BEHIND: Final = 19
"""Steps of nice by which a long script is behind the server: it has about a seventieth of what a quick one has."""
_SCHED_SETATTR: Final = {"x86_64": 314, "aarch64": 274}
# include/uapi/linux/sched/types.h, struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period
_ATTRIBUTES: Final = struct.Struct("=IIQiIQQQ")
_RESET_ON_FORK: Final = 1
"""include/uapi/linux/sched.h: what this thread starts, the zygote and its workers, has slices of the usual length."""
_NICEST: Final = 19
_SCHEDULED: Final = 2
"""include/linux/posix-timers_types.h, CPUCLOCK_SCHED: to the nanosecond."""


def take_short_slices() -> None:
    """Ask for short slices for the calling thread. An older kernel ignores that; a realtime class has no slices."""
    policy = os.sched_getscheduler(0)
    if policy in (os.SCHED_OTHER, os.SCHED_BATCH):
        with contextlib.suppress(OSError):
            _set(0, policy, 0, SLICE, _RESET_ON_FORK)


def begin_quick() -> None:
    """Put the calling process, a new worker, where quick scripts are, if the kernel lets it.

    That is where the server is, but that a worker interrupts nobody in the middle of a slice (SCHED_BATCH, sched(7)).
    """
    with contextlib.suppress(OSError):
        _set(0, os.SCHED_BATCH, 0, SLICE)


def put_ahead(pid: int) -> None:
    """Put every thread of the process `pid` where quick scripts are.

    Raises OSError: that takes CAP_SYS_NICE, as does to touch another user's process at all.
    """
    _set_all(pid, 0, SLICE)


def put_behind(pid: int) -> None:
    """Put every thread of the process `pid` behind quick scripts. Raises OSError, for a process of another user."""
    _set_all(pid, BEHIND, 0)


def used(pid: int) -> float:
    """Seconds of the processor that the process `pid` has used, all its threads together. Raises OSError.

    By its clock, whose number is made as by clock_getcpuclockid(3): one system call, and no file to read.
    """
    return time.clock_gettime(~pid << 3 | _SCHEDULED)


def _set_all(pid: int, steps: int, slice: int) -> None:
    for thread in map(int, os.listdir(f"/proc/{pid}/task")):
        with contextlib.suppress(ProcessLookupError):
            _set(thread, os.SCHED_BATCH, steps, slice)


def _set(thread: int, policy: int, steps: int, slice: int, flags: int = 0) -> None:
    """`steps` of nice behind the server; `slice` in nanoseconds, 0: the usual ones."""
    number = _SCHED_SETATTR.get(MACHINE)
    if number is None:
        raise OSError(errno.ENOSYS, f"the number of sched_setattr is not known for {MACHINE}")
    nice = min(os.getpriority(os.PRIO_PROCESS, 0) + steps, _NICEST)
    syscall(number, thread, _ATTRIBUTES.pack(_ATTRIBUTES.size, policy, flags, nice, 0, slice, 0, 0), 0)
