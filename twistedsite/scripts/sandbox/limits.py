"""The restrictions without Landlock and seccomp: resource limits, user, capabilities, death with the parent."""

from __future__ import annotations

import os
import resource
import signal
import struct
from typing import Final

from twistedsite.scripts.sandbox.kernel import MACHINE, prctl, syscall
from twistedsite.scripts.sandbox.policy import Layer, SandboxPolicy

# include/uapi/linux/prctl.h
_PR_SET_PDEATHSIG: Final = 1
_PR_GET_DUMPABLE: Final = 3
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4

_CAPSET: Final = {"x86_64": 126, "aarch64": 91}
_BY_RLIMITS: Final = Layer("limits", True, "rlimits")
_BOUND: Final = (_BY_RLIMITS, Layer("number of threads", False, "only a user of its own has one", essential=False))
_BOUND_WITH_THREADS: Final = (_BY_RLIMITS, Layer("number of threads", True, "rlimits", essential=False))

_CAPABILITY_VERSION_3: Final = 0x20080522  # include/uapi/linux/capability.h


def bound(policy: SandboxPolicy) -> tuple[Layer, ...]:
    """Set the resource limits, never above the present ones. Raises OSError."""
    for limit, soft, hard in _bounds(policy):
        resource.setrlimit(limit, (soft, hard))
    # The kernel counts all threads of the user, the server's too, and does not count those of root.
    return _BOUND_WITH_THREADS if policy.uid else _BOUND


def _bounds(policy: SandboxPolicy) -> list[tuple[int, int, int]]:
    """Each limit with its soft and its hard value."""
    limits = [
        (resource.RLIMIT_AS, policy.memory),
        (resource.RLIMIT_FSIZE, policy.file_size),
        (resource.RLIMIT_NOFILE, policy.open_files),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_NICE, 0),
        (resource.RLIMIT_RTPRIO, 0),
    ]
    if policy.uid:
        limits.append((resource.RLIMIT_NPROC, policy.processes))
    bounds = []
    for limit, value in limits:
        most = _at_most(limit, value)
        bounds.append((limit, most, most))
    # First SIGXCPU, which can be caught; a second later SIGKILL.
    hard = _at_most(resource.RLIMIT_CPU, policy.cpu + 1)
    bounds.append((resource.RLIMIT_CPU, max(hard - 1, 1), hard))
    return bounds


def detach(_: SandboxPolicy) -> tuple[Layer, ...]:
    """Set a process group of its own, and a umask by which nobody else can read its files.

    It stays in the server's session. Where the kernel shares the processor by sessions (autogroup, sched(7)),
    priorities count only within one, and each process with its own session would get as much as the server.
    """
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    os.umask(0o077)
    return ()


def freeze_privileges(_: SandboxPolicy) -> tuple[Layer, ...]:
    """Set no_new_privs: programs that this process starts get no more rights than it has. Raises OSError."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    return (Layer("no new privileges", True, "no_new_privs"),)


def drop_user(policy: SandboxPolicy) -> tuple[Layer, ...]:
    """Become the policy's user, without further groups. Without one, keep the user and drop all capabilities.

    Raises OSError.
    """
    if policy.uid is None:
        _drop_capabilities()
        return (Layer("own user", False, "none was given", essential=False), Layer("capabilities", True, "dropped"))
    gid = policy.uid if policy.gid is None else policy.gid
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(policy.uid, policy.uid, policy.uid)
    _drop_capabilities()
    return (Layer("own user", True, f"uid {policy.uid}"), Layer("capabilities", True, "dropped"))


def close_to_others(_: SandboxPolicy) -> tuple[Layer, ...]:
    """Die with the parent, and be untraceable for the same user. A change of the user would undo both."""
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    prctl(_PR_SET_DUMPABLE, 0)
    return (Layer("death with the parent", True, "PDEATHSIG"), Layer("untraceable", True, "not dumpable"))


def rehearse(policy: SandboxPolicy) -> tuple[Layer, ...]:
    """Compute the limits and read a setting, without changing any. Raises OSError."""
    _bounds(policy)
    prctl(_PR_GET_DUMPABLE, 0)
    return ()


def _drop_capabilities() -> None:
    prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    syscall(_CAPSET[MACHINE], struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24))


def _at_most(limit: int, value: int) -> int:
    _, hard = resource.getrlimit(limit)
    return value if hard == resource.RLIM_INFINITY else min(value, hard)
