"""The two doors to the kernel that Python does not open itself, syscall(2) and prctl(2), and what goes through them."""

from __future__ import annotations

import ctypes
import os
from typing import Final

_libc: Final = ctypes.CDLL(None, use_errno=True)
_SIX: Final = (ctypes.c_ulong,) * 6
_syscall: Final = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, *_SIX, use_errno=True)(("syscall", _libc))
_prctl: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, *_SIX[:4], use_errno=True)(("prctl", _libc))

Memory = ctypes.Array[ctypes.c_char]


def memory(data: bytes | bytearray) -> Memory:
    """A copy of `data` that has an address: how structures are passed."""
    return (ctypes.c_char * len(data)).from_buffer_copy(data)


def address(data: Memory) -> int:
    """Where it is, for as long as it is referred to."""
    return ctypes.addressof(data)


def syscall(number: int, *arguments: int | Memory) -> int:
    """Make a system call; memory is passed by its address. Raises OSError."""
    passed = [argument if isinstance(argument, int) else ctypes.addressof(argument) for argument in arguments]
    result: int = _syscall(number, *passed, *(0,) * (6 - len(passed)))
    if result < 0:
        _fail(f"system call {number}")
    return result


def prctl(option: int, second: int, third: int | Memory = 0) -> None:
    """Make a call of prctl(2). Raises OSError."""
    if _prctl(option, second, third if isinstance(third, int) else ctypes.addressof(third), 0, 0) < 0:
        _fail(f"prctl {option}")


def _fail(what: str) -> None:
    number = ctypes.get_errno()
    raise OSError(number, f"{what}: {os.strerror(number)}")
