"""An assembler for the few classic BPF instructions of a seccomp filter, and its search tree over call numbers.

Only `seccomp` uses it, which knows what calls are allowed. The kernel runs the filter for each system call and, when it
is installed, once for each number: so it is a tree.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from twistedsite.scripts.sandbox.rules import Bound, Own

# include/uapi/linux/bpf_common.h
_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_AND: Final = 0x54  # BPF_ALU | BPF_AND | BPF_K
_JUMP: Final = 0x05  # BPF_JMP | BPF_JA
_IF_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_IF_AT_LEAST: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K

# struct seccomp_data (include/uapi/linux/seccomp.h)
_NUMBER: Final = 0
_ARCHITECTURE: Final = 4
_ARGUMENTS: Final = 16

# include/uapi/linux/seccomp.h
KILL: Final = 0x80000000  # SECCOMP_RET_KILL_PROCESS
ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000

_FAR: Final = 255
"""The longest conditional jump, in instructions."""


class Instruction(NamedTuple):
    """struct sock_filter (include/uapi/linux/filter.h)."""

    code: int
    k: int | Own
    if_true: int = 0
    if_false: int = 0


Program = tuple[Instruction, ...]

_FORMAT: Final = struct.Struct("=HBBI")
SIZE: Final = _FORMAT.size
"""Bytes of an instruction."""


def refuse(number: int) -> int:
    """The return value by which the call fails with the errno `number`."""
    return _ERRNO | number


def verdict(value: int) -> Program:
    """Return `value`."""
    return (Instruction(_RETURN, value),)


def within(bounds: Sequence[Bound], otherwise: int) -> Program:
    """Allow the call when all of `bounds` hold, else return `otherwise`."""
    program: list[Instruction] = []
    for bound in bounds:
        program.append(Instruction(_LOAD, _ARGUMENTS + 8 * bound.argument))  # low half: both machines are little-endian
        if bound.mask != 0xFFFFFFFF:
            program.append(Instruction(_AND, bound.mask))
        left = len(bound.values)
        program += [Instruction(_IF_EQUAL, value, left - n) for n, value in enumerate(bound.values)]
        program.append(Instruction(_RETURN, otherwise))
    return (*program, *verdict(ALLOW))


def filter_calls(architecture: int, ranges: Sequence[tuple[int, Program]]) -> Program:
    """The whole filter. `ranges`: the first number of each range of calls, sorted and from 0 on, and its program."""
    return (
        Instruction(_LOAD, _ARCHITECTURE),
        Instruction(_IF_EQUAL, architecture, 1),
        Instruction(_RETURN, KILL),
        Instruction(_LOAD, _NUMBER),
        *_search(ranges),
    )


def pack(program: Program) -> tuple[bytes, tuple[int, ...]]:
    """The encoded program, and the offsets (bytes) at which the process id is to be written."""
    offsets = tuple(n * SIZE + 4 for n, instruction in enumerate(program) if instruction.k is Own.PID)
    packed = b"".join(
        _FORMAT.pack(code, if_true, if_false, 0 if isinstance(k, Own) else k) for code, k, if_true, if_false in program
    )
    return packed, offsets


def _search(ranges: Sequence[tuple[int, Program]]) -> Program:
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    below, above = _search(ranges[:middle]), _search(ranges[middle:])
    pivot = ranges[middle][0]
    if len(below) <= _FAR:
        return (Instruction(_IF_AT_LEAST, pivot, len(below)), *below, *above)
    return (Instruction(_IF_AT_LEAST, pivot, 0, 1), Instruction(_JUMP, len(below)), *below, *above)
