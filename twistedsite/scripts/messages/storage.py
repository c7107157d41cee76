"""What a script's storage answers, as plain data."""

from __future__ import annotations

from typing import Final

import msgspec

MAX_DEPTH: Final = 128
"""Most segments of a path. Linux takes paths of 4096 bytes."""


class Child(msgspec.Struct, frozen=True):
    """One name in a folder."""

    name: str
    is_folder: bool
