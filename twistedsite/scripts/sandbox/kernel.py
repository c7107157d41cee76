"""The three doors to the kernel that Python does not open itself: syscall(2), prctl(2) and their errors."""

from __future__ import annotations

import ctypes
import os
from typing import Final

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

Argument = int | ctypes.Array[ctypes.c_char] | ctypes.Structure | None


def syscall(number: int, *arguments: Argument) -> int:
    """Make a system call; arrays and structures are passed by address. Raises OSError."""
    result: int = _libc.syscall(ctypes.c_long(number), *map(_passed, arguments))
    if result < 0:
        _fail(f"system call {number}")
    return result


def prctl(option: int, second: int, third: Argument = 0, what: str = "prctl") -> None:
    """prctl(2). Raises OSError, which names `what`."""
    if _libc.prctl(option, ctypes.c_ulong(second), _passed(third), ctypes.c_ulong(0), ctypes.c_ulong(0)) < 0:
        _fail(what)


def block(data: bytes) -> ctypes.Array[ctypes.c_char]:
    """A copy of `data` with an address, for a call that takes a structure."""
    return (ctypes.c_char * len(data)).from_buffer_copy(data)


def _passed(argument: Argument) -> object:
    if argument is None or isinstance(argument, int):
        return ctypes.c_ulong(argument or 0)
    return ctypes.byref(argument)


def _fail(what: str) -> None:
    number = ctypes.get_errno()
    raise OSError(number, f"{what}: {os.strerror(number)}")
