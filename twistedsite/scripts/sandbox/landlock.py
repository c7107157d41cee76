"""Landlock: restricts files to those beneath the policy's folders, by whatever path, and restricts TCP and signals.

Constants and structures: include/uapi/linux/landlock.h of Linux 6.15 (ABI 7). Each right has an ABI since which it
exists. An older kernel is given the rights that it knows, and the report lists the others.
"""

from __future__ import annotations

import functools
import os
import stat
import struct
from typing import Final

from twistedsite.scripts.sandbox.kernel import syscall
from twistedsite.scripts.sandbox.policy import Layer, SandboxPolicy

_CREATE_RULESET: Final = 444  # the same on every machine
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446

_VERSION: Final = 1  # LANDLOCK_CREATE_RULESET_VERSION
_PATH_BENEATH: Final = 1  # LANDLOCK_RULE_PATH_BENEATH
_LOG_SAME_EXEC_OFF: Final = 1  # LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF: strangers do not fill the audit log

_EXECUTE: Final = 1 << 0
_WRITE_FILE: Final = 1 << 1
_READ_FILE: Final = 1 << 2
_READ_DIR: Final = 1 << 3
_REMOVE_DIR: Final = 1 << 4
_REMOVE_FILE: Final = 1 << 5
_MAKE_DIR: Final = 1 << 7
_MAKE_REG: Final = 1 << 8
_MAKE_SYM: Final = 1 << 12
_REFER: Final = 1 << 13
_TRUNCATE: Final = 1 << 14

_HANDLED: Final = {1: (1 << 13) - 1, 2: _REFER, 3: _TRUNCATE, 5: 1 << 15}
"""ABI -> the LANDLOCK_ACCESS_FS_* since it. All are handled, so that what no rule grants is denied."""
_FOR_FILES: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
"""The rights that a rule for a file can have; the others are for folders."""

_READ: Final = _READ_FILE | _READ_DIR
_WRITE: Final = (
    _READ | _WRITE_FILE | _TRUNCATE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _MAKE_SYM | _REFER
)
"""Creating devices, FIFOs and sockets is not among them."""

_BIND_TCP: Final = 1 << 0  # LANDLOCK_ACCESS_NET_*, ABI 4
_CONNECT_TCP: Final = 1 << 1
_SCOPES: Final = 0b11  # LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET and _SIGNAL
_SCOPES_SINCE: Final = 6

_RULE: Final = struct.Struct("=Qi")  # struct landlock_path_beneath_attr

_ATTRIBUTE_SIZE: Final = {1: 8, 4: 16, 6: 24}
"""ABI -> bytes of struct landlock_ruleset_attr."""

FILES: Final = "files"
_LATER: Final = (
    (3, "truncation of files"),
    (4, "TCP"),
    (5, "ioctl of devices"),
    (_SCOPES_SINCE, "signals and abstract sockets"),
)
"""What an older kernel lacks. The filter of system calls covers each of these too."""


def abi() -> int:
    """The Landlock ABI of this kernel. Raises OSError where it has none, or where it is disabled."""
    return syscall(_CREATE_RULESET, 0, 0, _VERSION)


def keeps_signals() -> bool:
    """Whether this kernel can restrict signals to the sandbox."""
    try:
        return abi() >= _SCOPES_SINCE
    except OSError:
        return False


def _make_ruleset(policy: SandboxPolicy, version: int) -> int:
    """The descriptor of a ruleset for `policy`, which is not in force yet. Raises OSError."""
    handled = sum(bits for since, bits in _HANDLED.items() if since <= version)
    size = max(size for since, size in _ATTRIBUTE_SIZE.items() if since <= version)
    network = _BIND_TCP if policy.network else _BIND_TCP | _CONNECT_TCP
    ruleset = syscall(_CREATE_RULESET, struct.pack("=QQQ", handled, network, _SCOPES)[:size], size, 0)
    try:
        for path, rights in _rules(policy):
            _add(ruleset, path, rights & handled)
    except BaseException:
        os.close(ruleset)
        raise
    return ruleset


def apply(policy: SandboxPolicy) -> tuple[Layer, ...]:
    """Restrict this thread, and all that it will start, to the policy's paths. Needs no_new_privs. Raises OSError."""
    version = abi()
    ruleset = _make_ruleset(policy, version)
    try:
        syscall(_RESTRICT_SELF, ruleset, _LOG_SAME_EXEC_OFF if version >= 7 else 0)
    finally:
        os.close(ruleset)
    return _layers(version)


def rehearse(policy: SandboxPolicy) -> tuple[Layer, ...]:
    """Like `apply`, without any effect. Raises OSError."""
    os.close(_make_ruleset(policy, abi()))
    return ()


@functools.cache
def _layers(version: int) -> tuple[Layer, ...]:
    return (
        Layer(FILES, True, f"Landlock ABI {version}"),
        *(_later(name, since, version) for since, name in _LATER),
    )


def _later(name: str, since: int, version: int) -> Layer:
    if version >= since:
        return Layer(name, True, "Landlock", essential=False)
    return Layer(name, False, f"needs Landlock ABI {since}", essential=False)


def _rules(policy: SandboxPolicy) -> list[tuple[str, int]]:
    read = _READ | _EXECUTE if policy.exec else _READ
    rules = [(path, read) for path in (policy.root, *policy.readable)]
    rules.append((os.devnull, _READ_FILE | _WRITE_FILE | _TRUNCATE))
    if policy.temporary is not None:
        rules.append((policy.temporary, _WRITE | (read & _EXECUTE)))
    return rules


def _add(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _FOR_FILES
        syscall(_ADD_RULE, ruleset, _PATH_BENEATH, _RULE.pack(rights, descriptor))
    finally:
        os.close(descriptor)
