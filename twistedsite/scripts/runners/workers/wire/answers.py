"""The ends of quick scripts, in memory that a worker shares with the server: what a worker writes there outlives it.

A message for each end would wake the server each time. So a worker leaves the end of a script here, takes the next job,
and sends one BELL frame for several. Each job has its slot by its number. The server gives a worker no job whose number
is `SLOTS` or more above that of the first one that has not ended: so a slot is used again only after the server has
taken out what was there, and neither waits for the other.

What the server finds may be anything that a script of that worker has written. It is copied before it is looked at, and
holds only with its checksum and the expected number.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from typing import Final

SLOTS: Final = 32
_SLOT: Final = 512
SIZE: Final = SLOTS * _SLOT
"""Bytes of all slots."""
_HEAD: Final = struct.Struct("=IQI")
"""Checksum of the end, begun with the number of its job plus one; that number; the end's length in bytes."""
LONGEST: Final = _SLOT - _HEAD.size
"""Bytes of the longest end that has room."""


def put(memory: mmap.mmap, number: int, payload: bytes) -> None:
    """Leave `payload`, at most `LONGEST` bytes, as the end of job `number`."""
    start = number % SLOTS * _SLOT
    _HEAD.pack_into(memory, start, zlib.crc32(payload, number + 1), number, len(payload))
    start += _HEAD.size
    memory[start : start + len(payload)] = payload


def find(memory: mmap.mmap, number: int) -> bytes | None:
    """The end of job `number`, if it is there."""
    start = number % SLOTS * _SLOT
    checksum, found, length = _HEAD.unpack_from(memory, start)
    if found != number or length > LONGEST:
        return None
    start += _HEAD.size
    payload = memory[start : start + length]
    return payload if zlib.crc32(payload, number + 1) == checksum else None
