"""What a new worker gives up before it runs any script: it cannot outlive its zygote, nor take more than its share."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import threading
from typing import Final

from twistedsite.scripts.runners.workers.frames import WorkerPolicy

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_SET_NO_NEW_PRIVS: Final = 38

STACK_SIZE: Final = 512 * 1024
"""Bytes of a thread's stack in a worker: with the usual 8 MB a few threads would fill its address space."""

NICE: Final = 5
"""Steps by which the server goes before its workers where both want the processor."""

_libc = ctypes.CDLL(None, use_errno=True)


def confine(policy: WorkerPolicy, parent: int) -> None:
    """Apply `policy` to this process, a child of the process `parent`. Raises OSError where the kernel refuses.

    A change of the user must come before: it would undo the death signal.
    """
    threading.stack_size(STACK_SIZE)
    die_with_parent(parent)
    for limit, value in (
        (resource.RLIMIT_AS, policy.address_space),
        (resource.RLIMIT_NOFILE, policy.files),
        (resource.RLIMIT_FSIZE, policy.file_size),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    # A worker that gets a job does not push the server aside in the middle of its turn, nor does one that spins.
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    os.nice(NICE)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the process `parent` ends; end it now if that has happened already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def close_to_others() -> None:
    """Let nobody of the same user trace this process, nor read its memory."""
    _prctl(_PR_SET_DUMPABLE, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"prctl {option}")
