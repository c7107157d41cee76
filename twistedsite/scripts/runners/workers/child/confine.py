"""What a new worker gives up before any script: it cannot outlive its zygote, nor do more than its policy says."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import termios
import threading
from typing import Final

from twistedsite.scripts.runners.workers.scheduling.priority import begin_quick
from twistedsite.scripts.sandbox import limits
from twistedsite.scripts.sandbox.enter import STEPS, enter
from twistedsite.scripts.sandbox.kernel import prctl
from twistedsite.scripts.sandbox.policy import SandboxPolicy
from twistedsite.settings.server import SandboxLevel

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_CHILD_SUBREAPER: Final = 36

STACK_SIZE: Final = 512 * 1024
"""Bytes of a thread's stack in a worker: with the usual 8 MB a few threads would fill its address space."""

_ALWAYS: Final = (limits.detach, limits.bound, limits.freeze_privileges, limits.close_to_others)
"""What a worker gives up with the sandbox off, too: it keeps files and system calls, and its user unless it has one."""


def confine(policy: SandboxPolicy, level: SandboxLevel, parent: int) -> None:
    """Apply `policy` to this process, a child of the process `parent`.

    Raises OSError where the kernel does not hold what `level` asks for.
    """
    threading.stack_size(STACK_SIZE)
    begin_quick()
    always = _ALWAYS if policy.uid is None else (*_ALWAYS, limits.drop_user)
    steps = [step for step in STEPS if step.apply in always] if level == "off" else STEPS
    report = enter(policy, parent, steps)
    if level != "best-effort" and not report.sufficient:
        raise OSError(report.summary())


def hear_of_parents_end(parent: int) -> None:
    """Have the kernel send SIGTERM when the process `parent` ends; end this one now if that has happened already."""
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)


def leave_terminal() -> None:
    """Have no terminal, nor any process that is started from now on, though the session may have one (tty(4))."""
    if os.getsid(0) != os.getpid():
        with contextlib.suppress(OSError), open("/dev/tty", "rb", buffering=0) as terminal:
            fcntl.ioctl(terminal, termios.TIOCNOTTY)


def close_to_others() -> None:
    """Let nobody of the same user trace this process, nor read its memory."""
    prctl(_PR_SET_DUMPABLE, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
