"""The doors to the kernel that Python does not open itself, such as syscall(2) and prctl(2), and what goes through."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from typing import Final, NoReturn

MACHINE: Final = os.uname().machine

_libc: Final = ctypes.CDLL(None, use_errno=True)
_SIX: Final = (ctypes.c_void_p,) * 6
"""Whatever has the size of a register: numbers, and structures by their address."""
_ZEROS: Final = (0,) * 6
_syscall: Final = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, *_SIX, use_errno=True)(("syscall", _libc))
_sigaction: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, *_SIX[:2], use_errno=True)(("sigaction", _libc))
_ACTION: Final = 256
"""Bytes for a struct sigaction; with glibc and musl it has 152."""
_FLAGS: Final = struct.calcsize("P128x")
"""Where its flags are: behind the address of the handler and a mask of 1024 bits."""
_SA_NOCLDSTOP: Final = 1
_prctl: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, *_SIX[:4], use_errno=True)(("prctl", _libc))

# Structures are passed as bytes: to make an array type of ctypes for each would cost more than the call.
Argument = int | bytes | ctypes.Array[ctypes.c_char]


def syscall(number: int, *arguments: Argument) -> int:
    """Make a system call; what is not a number is passed by its address. Raises OSError."""
    result: int = _syscall(number, *arguments, *_ZEROS[len(arguments) :])
    if result < 0:
        _fail(f"system call {number}")
    return result


def prctl(option: int, second: int, third: Argument = 0) -> int:
    """Make a call of prctl(2). Raises OSError."""
    result: int = _prctl(option, second, third, 0, 0)
    if result < 0:
        _fail(f"prctl {option}")
    return result


def hear_of_ends_only() -> None:
    """Send this process SIGCHLD when a child has ended, but no longer when one is stopped or goes on.

    Its handler, which must have been set, stays. Raises OSError.
    """
    action = ctypes.create_string_buffer(_ACTION)
    if _sigaction(signal.SIGCHLD, None, action) == 0:
        (flags,) = struct.unpack_from("i", action, _FLAGS)
        struct.pack_into("i", action, _FLAGS, flags | _SA_NOCLDSTOP)
        if _sigaction(signal.SIGCHLD, action, None) == 0:
            return
    _fail("sigaction")


def _fail(what: str) -> NoReturn:
    number = ctypes.get_errno()
    raise OSError(number, f"{what}: {os.strerror(number)}")
