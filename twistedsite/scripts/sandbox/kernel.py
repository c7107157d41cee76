"""syscall(2) and prctl(2), which Python does not offer."""

from __future__ import annotations

import ctypes
import os
from typing import Final, NoReturn

MACHINE: Final = os.uname().machine

_libc: Final = ctypes.CDLL(None, use_errno=True)
_SIX: Final = (ctypes.c_void_p,) * 6
"""Arguments of the size of a register: numbers, and addresses of structures."""
_ZEROS: Final = (0,) * 6
_syscall: Final = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, *_SIX, use_errno=True)(("syscall", _libc))
_prctl: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, *_SIX[:4], use_errno=True)(("prctl", _libc))

# Structures are passed as bytes: an array type of ctypes for each would cost more than the call.
Argument = int | bytes | ctypes.Array[ctypes.c_char]


def syscall(number: int, *arguments: Argument) -> int:
    """Make a system call. Arguments other than numbers are passed by address. Raises OSError."""
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


def _fail(what: str) -> NoReturn:
    number = ctypes.get_errno()
    raise OSError(number, f"{what}: {os.strerror(number)}")
