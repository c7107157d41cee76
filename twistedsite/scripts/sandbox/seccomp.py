"""The system call filter: builds it from the tables, and installs it in this process for good.

The filter is built once for each kind of policy, and then copied: a zygote that has called `prepare` saves its workers
the building.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from functools import lru_cache
from typing import Final

from twistedsite.scripts.sandbox import bpf, landlock, syscalls
from twistedsite.scripts.sandbox.kernel import MACHINE, prctl
from twistedsite.scripts.sandbox.policy import Layer, SandboxPolicy
from twistedsite.scripts.sandbox.rules import BOUNDS, DENIED, EXEC_BOUNDS, SIGNALS_BEYOND

_PR_SET_SECCOMP: Final = 22  # include/uapi/linux/prctl.h
_SECCOMP_MODE_FILTER: Final = 2  # include/uapi/linux/seccomp.h

_NUMBER: Final = struct.Struct("=I")

NAME: Final = "system calls"


@lru_cache
def program(machine: str, network: bool, exec_: bool, signals: bool) -> tuple[bytes, tuple[int, ...], int]:
    """The filter for `machine`, the offsets of the process id in it, and how many calls it allows.

    `signals`: allow them to processes that this one has started. Raises OSError for a machine without a table.
    """
    if machine not in syscalls.MACHINES:
        raise OSError(errno.ENOSYS, f"no table of system calls for {machine}")
    column, architecture = syscalls.MACHINES[machine]
    allowed = syscalls.ALWAYS | (syscalls.NETWORK if network else {}) | (syscalls.EXEC if exec_ else {})
    bounds = BOUNDS | (EXEC_BOUNDS if exec_ else {}) | (SIGNALS_BEYOND if signals else {})
    denied = bpf.refuse(DENIED)
    absent, deadly = bpf.verdict(bpf.refuse(errno.ENOSYS)), bpf.verdict(bpf.KILL)
    actions: dict[int | None, bpf.Program] = {}
    for name, numbers in allowed.items():
        actions[numbers[column]] = bpf.within(bounds.get(name, ()), denied)
    actions |= {numbers[column]: absent for numbers in syscalls.ABSENT.values()}
    actions |= {numbers[column]: deadly for numbers in syscalls.DEADLY.values()}
    ranges: list[tuple[int, bpf.Program]] = []
    for number in range(syscalls.NEWEST + 1):
        action = actions.get(number, bpf.verdict(denied))
        if not ranges or ranges[-1][1] != action:
            ranges.append((number, action))
    ranges += [(syscalls.NEWEST + 1, absent), (syscalls.X32_BIT, deadly)]
    packed, offsets = bpf.pack(bpf.filter_calls(architecture, ranges))
    return packed, offsets, sum(numbers[column] is not None for numbers in allowed.values())


def prepare(policy: SandboxPolicy) -> tuple[bytes, tuple[int, ...], int]:
    """Build the filter for this machine and for policies like `policy`: see `program`."""
    signals = policy.exec and landlock.keeps_signals()
    return program(MACHINE, policy.network, policy.exec, signals)


class _Program(ctypes.Structure):
    """struct sock_fprog (include/uapi/linux/filter.h)."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _make_filter(policy: SandboxPolicy) -> tuple[_Program, int]:
    """The filter for this process under `policy`, and how many calls it allows. Raises OSError."""
    packed, offsets, count = prepare(policy)
    code = bytearray(packed)
    for offset in offsets:
        _NUMBER.pack_into(code, offset, os.getpid())
    return _Program(len(code) // bpf.SIZE, bytes(code)), count


def rehearse(policy: SandboxPolicy) -> tuple[Layer, ...]:
    """Like `apply`, without any effect. Raises OSError."""
    _make_filter(policy)
    return ()


def apply(policy: SandboxPolicy) -> tuple[Layer, ...]:
    """Install the filter for this thread and all that it will start. Needs no_new_privs. Raises OSError."""
    program, count = _make_filter(policy)
    prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program))
    return (Layer(NAME, True, f"seccomp, {count} allowed on {MACHINE}"),)
