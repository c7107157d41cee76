"""A script's way to the files of its site: what it may read, write and hold, whatever origin they lie in.

Paths are segments from the site's root. What a script may touch is decided in the server, by the settings of its
folder, never by what the script says of itself.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

import msgspec


class Child(msgspec.Struct, frozen=True):
    """One name in a folder."""

    name: str
    is_folder: bool


class Storage(Protocol):
    """The files of one site, for one request. Calls come from the script's thread and may block.

    Whatever fails raises an OSError that says what and why: FileNotFoundError where nothing stands, PermissionError
    where the settings forbid it, TimeoutError where a lock was not to be had in time, and plain OSError else.
    """

    def read(self, path: tuple[str, ...]) -> bytes:
        """The content of a file."""
        ...

    def write(self, path: tuple[str, ...], data: bytes) -> None:
        """Replace a file, or make it, folders above it too: whoever reads it meets the old content or the new."""
        ...

    def children(self, path: tuple[str, ...]) -> list[Child] | None:
        """What stands in a folder, by name; None where `path` is a file."""
        ...

    def make_folder(self, path: tuple[str, ...]) -> None:
        """Make a folder, and those above it; FileExistsError where something stands there."""
        ...

    def remove(self, path: tuple[str, ...]) -> None:
        """Remove a file, or a folder with all that is in it."""
        ...

    def lock(self, path: tuple[str, ...], timeout: float) -> AbstractContextManager[None]:
        """Hold `path` against other scripts of the site; they take turns in the order in which they came.

        Entering waits for at most `timeout` seconds. What a script still holds at its end is released, however it ends.
        """
        ...
