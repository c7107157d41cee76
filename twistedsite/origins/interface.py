"""The words that every origin speaks: `Origin`, `Entry`, `OpenFile`. No file system call stands here."""

from __future__ import annotations

import enum
from typing import IO, Final, Protocol, TypeAlias, TypeVar, Union

import msgspec
from twisted.internet.defer import Deferred

T = TypeVar("T")

MaybeDeferred: TypeAlias = Union[T, Deferred[T]]  # noqa: UP007  # mypy takes no `|` with a bare type variable
"""An answer that a near origin has at once and a far one has later."""


async def arrived(answer: MaybeDeferred[T]) -> T:
    """`answer` itself, or what it is a Deferred of."""
    return await answer if isinstance(answer, Deferred) else answer


class Kind(enum.Enum):
    """What a name in an origin stands for."""

    FILE = "file"
    FOLDER = "folder"
    SPECIAL = "special"
    """A FIFO, socket or device: never opened, never served."""
    OUTSIDE = "outside"
    """A symbolic link that may not be followed."""
    DELETED = "deleted"
    """Not there any more, and the origin knows that it once was."""


class Entry(msgspec.Struct, frozen=True):
    """One name in a site, as it was when it was looked up."""

    path: tuple[str, ...]
    """The segments from the site's root; `()` is the root itself."""
    kind: Kind
    size: int = 0
    """Bytes; 0 for a folder."""
    mtime: float = 0.0
    """Last modification, in seconds since the epoch."""
    version: str = ""
    """Changes whenever the content does: what caches and ETags are made from."""

    @property
    def name(self) -> str:
        """The last segment; empty for the root."""
        return self.path[-1] if self.path else ""


class OpenFile(Protocol):
    """A file open for reading: its size and version are those of the bytes that it will give."""

    size: int
    version: str
    mtime: float

    def fileno(self) -> int:
        """The descriptor of a plain file on this machine that holds the content from offset 0."""
        ...

    def close(self) -> None:
        """Release it; a second call does nothing."""
        ...


class GoneError(Exception):
    """What was looked up is not there any more, is not a plain file any more, or may not be read."""


class ConflictError(OSError):
    """What was to be changed is not in the version that was expected: somebody else has changed it meanwhile."""


ABSENT: Final = ""
"""The expected version of what must not be there yet."""


class Origin(Protocol):
    """A tree of files. Paths are segments already decoded and checked: no empty one, no `.` or `..`, no `/`, no NUL.

    What changes the tree raises an OSError that names the path from the site's root, and never follows a symbolic link.
    """

    @property
    def near(self) -> bool:
        """All answers come at once, from this machine's disk: it may be called from any thread, and may block shortly.
        Else it must be called on the reactor's thread, and may answer later.
        """
        ...

    def lookup(self, path: tuple[str, ...]) -> MaybeDeferred[Entry | None]:
        """Return what stands at `path`, matched exactly (case too), or None."""
        ...

    def children(self, entry: Entry) -> MaybeDeferred[list[Entry]]:
        """Return what stands in the folder `entry`, in no particular order; hidden names too.

        Raises GoneError if the folder is gone.
        """
        ...

    def open(self, entry: Entry) -> MaybeDeferred[OpenFile]:
        """Open the file `entry`; raises GoneError."""
        ...

    def read(self, entry: Entry, limit: int) -> MaybeDeferred[bytes]:
        """Return the content of a small file: settings, templates of error pages.

        Raises GoneError if it is gone or longer than `limit` bytes.
        """
        ...

    def local_path(self, entry: Entry) -> str:
        """The absolute path at which scripts and their imports find `entry` on this machine's disk."""
        ...

    def lock_name(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """What all spellings of `path` that mean one file here have in common."""
        ...

    def write(
        self, path: tuple[str, ...], data: bytes | IO[bytes], expected_version: str | None = None
    ) -> MaybeDeferred[Entry]:
        """Make the file `path`, folders above it too, or replace it, whose mode is kept: readers and crashes find the
        old content or the new. A file object is read from its start.

        Raises ConflictError if another version than `expected_version` stands there (ABSENT: if anything does).
        """
        ...

    def delete(self, path: tuple[str, ...], expected_version: str | None = None) -> MaybeDeferred[None]:
        """Remove a file or link, or a folder with all that is in it.

        Raises FileNotFoundError, and ConflictError if the file is in another version than `expected_version`.
        """
        ...

    def make_folder(self, path: tuple[str, ...]) -> MaybeDeferred[Entry]:
        """Make a folder, and those above it; FileExistsError where something stands there."""
        ...

    def usage(self) -> MaybeDeferred[int]:
        """Bytes that all there is occupies, as `occupied` counts them."""
        ...


def occupied(size: int) -> int:
    """Bytes that a file of `size` bytes, or a folder (0), takes of a quota: whole blocks, and one for its name."""
    return (1 + -(-size // BLOCK)) * BLOCK


BLOCK: Final = 4096
"""Bytes of one block."""
