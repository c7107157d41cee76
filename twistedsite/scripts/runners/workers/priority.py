"""Has the kernel let the server's thread run as soon as there is something to do, even where scripts use the processor.

Whoever asks for short turns is let in at once (Linux from 6.12 on, EEVDF: Documentation/scheduler/sched-eevdf.rst).
Else a thread that wakes up may have to wait until a script that computes has used up its turn, for some milliseconds.
That takes nothing from anybody: a thread with short turns has more of them, not more of the processor.
"""

from __future__ import annotations

import contextlib
import os
import struct
from typing import Final

from twistedsite.scripts.sandbox.kernel import MACHINE, syscall

TURN: Final = 100_000
"""Nanoseconds of one turn: the shortest that the kernel knows."""
_SCHED_SETATTR: Final = {"x86_64": 314, "aarch64": 274}
# include/uapi/linux/sched/types.h, struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period
_ATTRIBUTES: Final = struct.Struct("=IIQiIQQQ")
_RESET_ON_FORK: Final = 1
"""include/uapi/linux/sched.h: what this thread starts, the zygote and its workers, has turns of the usual length."""


def take_short_turns() -> None:
    """Ask for short turns for the calling thread. An older kernel ignores that; a realtime class has no turns."""
    policy = os.sched_getscheduler(0)
    number = _SCHED_SETATTR.get(MACHINE)
    if number is None or policy not in (os.SCHED_OTHER, os.SCHED_BATCH):
        return
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(OSError):
        syscall(number, 0, _ATTRIBUTES.pack(_ATTRIBUTES.size, policy, _RESET_ON_FORK, nice, 0, TURN, 0, 0), 0)
