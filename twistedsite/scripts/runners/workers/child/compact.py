"""Puts a process's memory in order before it forks, so that its children go on sharing nearly all of it.

A child shares a page of 4 KB until one of the two writes to it, and CPython writes wherever it uses an object, to count
a reference. What the children use lies among what they do not, and what they make anew lies wherever something was
freed: so each would soon have hundreds of pages for itself, with a few changed bytes in each.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, FunctionType
from typing import Final

# Python's own allocator (Objects/obmalloc.c): blocks of one size lie in pools, each with a header.
_POOL: Final = 16 * 1024
_POOL_HEADER: Final = 48
_BLOCKS: Final = range(16, 512 + 1, 16)
_MOST: Final = 1024 * 1024
"""Bytes of one size of block that are taken at most, should the allocator be another one."""

# malloc of the GNU C library: what is not free in some gap is taken from the top of the heap.
_CHUNKS: Final = tuple(1 << bits for bits in range(16, 3, -1))
_CACHED: Final = 8
"""Chunks of one size that may be free without being counted so (tcache_count)."""


class _HeapInfo(ctypes.Structure):
    """struct mallinfo2 (malloc.h)."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks"),
            "keepcost",  # bytes that are free at the top; fordblks: bytes that are free
        )
    )


@contextmanager
def code_used() -> Iterator[dict[int, CodeType]]:
    """What is executed in the meantime, in this thread, by its identity."""
    used: dict[int, CodeType] = {}

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            used[id(frame.f_code)] = frame.f_code

    sys.setprofile(note)
    try:
        yield used
    finally:
        sys.setprofile(None)


def gather(used: dict[int, CodeType]) -> None:
    """Put the code `used`, as far as functions hold it, side by side: each gets a copy, made one after the other.

    Running code counts a reference to it.
    """
    copies: dict[int, CodeType] = {}

    def copy(code: CodeType) -> CodeType:
        if id(code) not in copies:
            constants = (copy(one) if isinstance(one, CodeType) and id(one) in used else one for one in code.co_consts)
            copies[id(code)] = code.replace(co_consts=tuple(constants))
        return copies[id(code)]

    for function in gc.get_objects():
        if isinstance(function, FunctionType) and id(function.__code__) in used:
            function.__code__ = copy(function.__code__)


def fill_gaps() -> None:
    """Take for good all memory that is free between what is in use: what is made from now on lies together.

    What is taken is not written to. Takes no more than is there already, and nothing where the allocators are unknown.
    """
    if sys.getallocatedblocks():
        for size in _BLOCKS:
            _fill_pools(size)
    if hasattr(_libc, "mallinfo2"):
        _fill_heap()


def settle() -> None:
    """Leave no garbage, fill the gaps, and have no collection in this process or its children touch what is there."""
    gc.collect()
    gc.disable()
    fill_gaps()
    gc.freeze()


def _fill_pools(size: int) -> None:
    most = (_POOL - _POOL_HEADER) // size * 9 // 10
    pool, blocks = 0, array("L")  # a list would hold numbers that are blocks themselves
    for _ in range(_MOST // size):
        block = _take(size)
        if block // _POOL != pool:
            pool, blocks = block // _POOL, array("L")
        blocks.append(block)
        if len(blocks) == most:  # a new pool, or as good as one: no other has a free block
            break
    # Backwards, so that they are used in the order in which they lie.
    for block in reversed(blocks):
        _give_back(block)


def _fill_heap() -> None:
    info = _heap_info()
    for size in _CHUNKS:
        for _ in range((info.fordblks - info.keepcost) // size + _CACHED):
            top = _heap_info().keepcost
            chunk = _libc.malloc(size)
            if chunk is None or _heap_info().keepcost < top:
                _libc.free(chunk)
                break


_take: Final = ctypes.pythonapi.PyMem_Malloc
_take.restype, _take.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
_give_back: Final = ctypes.pythonapi.PyMem_Free
_give_back.restype, _give_back.argtypes = None, [ctypes.c_void_p]
_libc: Final = ctypes.CDLL(None)
_libc.malloc.restype, _libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
_libc.free.restype, _libc.free.argtypes = None, [ctypes.c_void_p]


def _heap_info() -> _HeapInfo:
    call = _libc.mallinfo2
    call.restype = _HeapInfo
    info: _HeapInfo = call()
    return info
