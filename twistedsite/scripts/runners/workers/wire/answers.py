"""The ends of quick scripts, in memory that a worker shares with the server: what a worker writes there outlives it.

A message for each would cost more than the rest of its way. So a worker leaves the end of a script here, takes the next
job, and rings once for several. There are as many places as jobs that a worker can have at a time, and each job has its
place by its number: a place is used again only after the server has taken out what was there, or else it would not have
given a further job. So neither waits for the other. What the server finds is a worker's word: it is copied before it is
looked at, and holds only with its checksum and the number that is expected, whenever it is looked for.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from typing import Final

PLACES: Final = 32
_PLACE: Final = 512
SIZE: Final = PLACES * _PLACE
"""Bytes of all places."""
_HEAD: Final = struct.Struct("=IQI")
"""Checksum of the end, begun with the number of its job plus one; that number; the end's length in bytes."""
LONGEST: Final = _PLACE - _HEAD.size
"""Bytes of the longest end that has room."""


def put(memory: mmap.mmap, number: int, payload: bytes) -> None:
    """Leave `payload`, at most `LONGEST` bytes, as the end of job `number`."""
    start = number % PLACES * _PLACE
    _HEAD.pack_into(memory, start, zlib.crc32(payload, number + 1), number, len(payload))
    start += _HEAD.size
    memory[start : start + len(payload)] = payload


def find(memory: mmap.mmap, number: int) -> bytes | None:
    """The end of job `number`, if it is there."""
    start = number % PLACES * _PLACE
    checksum, found, length = _HEAD.unpack_from(memory, start)
    if found != number or length > LONGEST:
        return None
    start += _HEAD.size
    payload = memory[start : start + length]
    return payload if zlib.crc32(payload, number + 1) == checksum else None
