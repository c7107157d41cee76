"""What an origin is: a tree of files, wherever it lies. `Origin` and the types of its answers; nothing here touches a
file.

Resources, scripts' storage and caches know files by this interface only. `local.py` implements it for a folder on this
machine's disk; which origin a site has is known to its builder alone.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO, Final, Literal, Protocol, TypeAlias, TypeVar, Union

import msgspec
from twisted.internet.defer import Deferred

T = TypeVar("T")

MaybeDeferred: TypeAlias = Union[T, Deferred[T]]  # noqa: UP007  # mypy takes no `|` with a bare type variable
"""An answer that a synchronous origin gives at once and another one may give later."""

Path: TypeAlias = tuple[str, ...]
"""Segments from the site's root, decoded and checked: none empty, no `.` or `..`, no `/`, no NUL. `()` is the root."""


async def await_if_deferred(answer: MaybeDeferred[T]) -> T:
    """`answer` itself, or the result of the Deferred that it is."""
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
    """Nothing is there, and the origin knows that something was. Only origins that `knows_deleted` give it."""


class Entry(msgspec.Struct, frozen=True):
    """One name in a site, as it was when it was looked up."""

    path: Path
    kind: Kind
    size: int = 0
    """Bytes; 0 for a folder."""
    mtime: float = 0.0
    """Last modification, in seconds since the epoch."""
    version: str = ""
    """Changes whenever the content does. Caches and ETags are made from it."""
    settled: bool = True
    """Every later change gives another version. False for a moment after a change where the origin's clock is too
    coarse to tell two changes apart: nothing that is made from such an entry may be kept."""

    @property
    def name(self) -> str:
        """The last segment; empty for the root."""
        return self.path[-1] if self.path else ""


class OpenFile(Protocol):
    """A file open for reading. Size, version and time are those of the bytes that it gives.

    A file that has a descriptor may be used from any thread. One that has none is used where its origin is.
    """

    size: int
    version: str
    mtime: float
    settled: bool
    """See `Entry.settled`."""

    def fileno(self) -> int | None:
        """The descriptor of a plain file on this machine that holds the content from offset 0, or None."""
        ...

    def read_now(self, offset: int, length: int) -> bytes | None:
        """Up to `length` bytes from `offset` on if they can be had without waiting, else None. Raises OriginError."""
        ...

    def read(self, offset: int, length: int) -> MaybeDeferred[bytes]:
        """Up to `length` bytes from `offset` on; fewer only at the end of the file. Raises OriginError.

        Where there is a descriptor it waits for the disk, and gives the bytes themselves.
        """
        ...

    def duplicate(self) -> OpenFile:
        """The same content, to be closed on its own."""
        ...

    def close(self) -> None:
        """Release it; a second call does nothing."""
        ...


class Validity(Protocol):
    """What something was made from: files, folders, and paths at which there was nothing."""

    def holds(self) -> bool:
        """Whether all of it is still the same. Cheap enough to be asked at each use; never True for the wrong reason:
        where the origin cannot tell, it is False."""
        ...


class Changes(Protocol):
    """A feed of changes."""

    def subscribe(self, changed: Callable[[Iterable[Path]], None]) -> Callable[[], None]:
        """Call `changed` on the reactor's thread with the paths that have changed; returns what ends that."""
        ...


class Capabilities(msgspec.Struct, frozen=True):
    """What an origin can do."""

    synchronous: bool
    """All answers come at once. It may be called from any thread, and may wait for the disk for a short while.
    Otherwise it is called on the reactor's thread only, never blocks, and may answer later."""
    compare_and_swap: Literal["process", "strict"]
    """Against whom `expected_version` protects: other requests of this process, or everybody."""
    knows_deleted: bool = False
    """`lookup_many` gives `Kind.DELETED` for what was there before."""


Sort = Literal["name", "size", "time"]


class PageView(msgspec.Struct, frozen=True):
    """Which part of a folder's listing is asked for."""

    sort: Sort = "name"
    descending: bool = False
    page: int = 1
    """From 1 on; a page beyond the last one is the last one."""
    size: int = 1_000
    """Entries on one page."""


class FolderPage(msgspec.Struct, frozen=True):
    """A page of the files and folders of a folder that may be served: no name that begins with `_` or `.`.

    Folders come first. Names are in natural order: case does not count, numbers count as numbers.
    """

    entries: list[Entry]
    folders: int
    """Of the whole folder."""
    files: int
    """Of the whole folder."""
    page: int
    pages: int


class GoneError(Exception):
    """What was looked up is not there any more, or is not a plain file any more."""


class UnreadableError(GoneError):
    """It is there, but the server may not read it."""


class OriginError(OSError):
    """The origin cannot answer at the moment: no descriptor is free, the disk fails, the other server is silent.

    That says nothing about what is there: it is never to be taken for an absence, and never to be kept.
    """


class ConflictError(OSError):
    """The file to be changed does not have the expected version: somebody else has changed it meanwhile."""


ABSENT: Final = ""
"""The expected version of what must not be there yet."""


class Origin(Protocol):
    """A tree of files. Every method may raise OriginError.

    What changes the tree raises an OSError that names the path from the site's root, and never follows a symbolic link.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    @property
    def changes(self) -> Changes | None:
        """A feed of what changes in it; None where it has none."""
        ...

    def lookup_many(self, paths: Sequence[Path]) -> MaybeDeferred[list[Entry | None]]:
        """What stands at each of `paths`, in their order, matched exactly (case too); None where nothing does."""
        ...

    def validity(self, found: Mapping[Path, Entry | None]) -> Validity | None:
        """What tells later whether look-ups of the same paths would find the same. On the reactor's thread.

        `found` is what look-ups have found. None where that cannot be told, or where it is different already, or where
        `found` is empty.
        """
        ...

    def children(self, entry: Entry) -> MaybeDeferred[list[Entry]]:
        """Everything in the folder `entry`, in no particular order; hidden names too. Raises GoneError."""
        ...

    def list_page(self, entry: Entry, view: PageView) -> MaybeDeferred[FolderPage]:
        """A page of the listing of the folder `entry`. Raises GoneError."""
        ...

    def open(self, entry: Entry) -> MaybeDeferred[OpenFile]:
        """Open the file `entry`, which may be in another version by now. Raises GoneError."""
        ...

    def read(self, entry: Entry, limit: int) -> MaybeDeferred[bytes]:
        """The content of a small file: settings, templates of error pages.

        Raises GoneError, also where it is longer than `limit` bytes.
        """
        ...

    def local_path(self, entry: Entry) -> str | None:
        """The absolute path at which scripts and their imports find `entry` on this machine's disk; None where the
        origin has no files there: no script of the site can run."""
        ...

    def lock_name(self, path: Path) -> Path:
        """What all spellings of `path` that mean one file here have in common."""
        ...

    def write(self, path: Path, data: bytes | IO[bytes], expected_version: str | None = None) -> MaybeDeferred[Entry]:
        """Make the file `path`, folders above it too, or replace it, whose mode is kept: readers and crashes find the
        old content or the new. A file object is read from its start.

        Raises ConflictError if another version than `expected_version` stands there (ABSENT: if anything does).
        """
        ...

    def delete(self, path: Path, expected_version: str | None = None) -> MaybeDeferred[None]:
        """Remove a file or link, or a folder with all that is in it.

        Raises FileNotFoundError, and ConflictError if the file is in another version than `expected_version`.
        """
        ...

    def make_folder(self, path: Path) -> MaybeDeferred[Entry]:
        """Make a folder, and those above it; FileExistsError where something stands there."""
        ...

    def usage(self) -> MaybeDeferred[int]:
        """Bytes that everything in it occupies, as `occupied` counts them."""
        ...


def occupied(size: int) -> int:
    """Bytes that a file of `size` bytes, or a folder (0), takes of a quota: whole blocks, and one for its name."""
    return (1 + -(-size // BLOCK)) * BLOCK


BLOCK: Final = 4096
"""Bytes of one block."""
