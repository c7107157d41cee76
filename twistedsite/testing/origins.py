"""A site's files in memory, for tests: with delays, failures and other people's changes where a test wants them."""

from __future__ import annotations

import errno
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path as DiskPath
from typing import IO, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.threadable import isInIOThread

from twistedsite.origins.interface import (
    ABSENT,
    Capabilities,
    ConflictError,
    Entry,
    FolderPage,
    GoneError,
    Kind,
    MaybeDeferred,
    PageView,
    Path,
    Validity,
    occupied,
)
from twistedsite.origins.listing import page_of

T = TypeVar("T")


@attrs.frozen
class _Node:
    """What stands at a path; `data` is None for all but files."""

    kind: Kind
    version: str
    mtime: float
    data: bytes | None = None


class MemoryOrigin:
    """See `Origin`. Names in `files` are paths from the site's root, `folder/page.html`.

    With a `reactor` it is far: it answers `delay` seconds later, may be asked on the reactor's thread only, and its
    files have no descriptor to send from. Without one it answers at once.

    `mirror` is a folder on this disk that holds the same files. Scripts run only where there is one. What is written
    by the site is written there too.
    """

    def __init__(
        self,
        files: Mapping[str, str | bytes] | None = None,
        *,
        reactor: IReactorTime | None = None,
        delay: float = 0.0,
        mirror: str | os.PathLike[str] | None = None,
        knows_deleted: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.capabilities = Capabilities(reactor is None, "strict", knows_deleted)
        self.changes = self
        self.calls: Counter[str] = Counter()
        """How often each method was called."""
        self.validity_known = True
        """False: `validity` says None."""
        self._reactor = reactor
        self._delay = delay
        self._mirror = None if mirror is None else DiskPath(mirror)
        self._now = now
        self._nodes: dict[Path, _Node] = {}
        self._deleted: set[Path] = set()
        self._failures: dict[str, OSError | GoneError] = {}
        self._before: dict[str, Callable[[], object]] = {}
        self._subscribers: list[Callable[[Iterable[Path]], None]] = []
        self._changes = 0
        self._put((), Kind.FOLDER)
        for name, data in (files or {}).items():
            self.change(name, data)

    @classmethod
    def of_folder(cls, folder: str | os.PathLike[str], reactor: IReactorTime | None = None) -> MemoryOrigin:
        """The files and folders below `folder`, which is the mirror. Symbolic links may not be followed."""
        origin = cls(reactor=reactor)
        root = DiskPath(folder)
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.is_symlink():
                origin.put_kind(name, Kind.OUTSIDE)
            elif path.is_dir():
                origin._make_folders(tuple(name.split("/")))
            elif path.is_file():
                origin.change(name, path.read_bytes())
            else:
                origin.put_kind(name, Kind.SPECIAL)
        origin._mirror = root
        return origin

    # What a test does to it

    def change(self, name: str, data: str | bytes) -> None:
        """Somebody else makes or replaces the file `name`."""
        path = tuple(name.split("/"))
        self._make_folders(path[:-1])
        self._put(path, Kind.FILE, data.encode() if isinstance(data, str) else data)

    def remove(self, name: str) -> None:
        """Somebody else removes the file or folder `name`, and all that is in it."""
        self._remove(tuple(name.split("/")))

    def put_kind(self, name: str, kind: Kind) -> None:
        """Have something of another kind at `name`."""
        self._put(tuple(name.split("/")), kind)

    def fail(self, method: str, error: OSError | GoneError | None) -> None:
        """Every call of `method` raises `error` from now on; None: no more. `read_part` is `OpenFile.read`."""
        if error is None:
            del self._failures[method]
        else:
            self._failures[method] = error

    def before(self, method: str, action: Callable[[], object]) -> None:
        """Call `action` once, just before the next answer of `method`: what others do in between."""
        self._before[method] = action

    # What the interface asks for

    def subscribe(self, changed: Callable[[Iterable[Path]], None]) -> Callable[[], None]:
        """See `Changes.subscribe`."""
        self._subscribers.append(changed)
        return lambda: self._subscribers.remove(changed)

    def lookup_many(self, paths: Sequence[Path]) -> MaybeDeferred[list[Entry | None]]:
        return self.answer("lookup_many", lambda: [self._entry(path) for path in paths])

    def validity(self, found: Mapping[Path, Entry | None]) -> Validity | None:
        if not found or not self.validity_known:
            return None
        validity = _MemoryValidity(self._entry, found)
        return validity if validity.holds() else None

    def children(self, entry: Entry) -> MaybeDeferred[list[Entry]]:
        return self.answer("children", lambda: self._children(entry))

    def list_page(self, entry: Entry, view: PageView) -> MaybeDeferred[FolderPage]:
        return self.answer("list_page", lambda: page_of(self._children(entry), view))

    def open(self, entry: Entry) -> MaybeDeferred[MemoryFile]:
        return self.answer("open", lambda: MemoryFile(self, self._file(entry)))

    def read(self, entry: Entry, limit: int) -> MaybeDeferred[bytes]:
        def read() -> bytes:
            data = self._file(entry).data or b""
            if len(data) > limit:
                raise GoneError(entry.name)
            return data

        return self.answer("read", read)

    def local_path(self, entry: Entry) -> str | None:
        return None if self._mirror is None else str(self._mirror.joinpath(*entry.path))

    def lock_name(self, path: Path) -> Path:
        return path

    def write(self, path: Path, data: bytes | IO[bytes], expected_version: str | None = None) -> MaybeDeferred[Entry]:
        def write() -> Entry:
            if not path or self._kind(path) is Kind.FOLDER:
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), _named(path))
            self._expect(path, expected_version)
            self._make_folders(path[:-1])
            if isinstance(data, bytes):
                content = data
            else:
                data.seek(0)
                content = data.read()
            if self._mirror is not None:
                place = self._mirror.joinpath(*path)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
            return self._put(path, Kind.FILE, content)

        return self.answer("write", write)

    def delete(self, path: Path, expected_version: str | None = None) -> MaybeDeferred[None]:
        def delete() -> None:
            if not path:
                raise PermissionError(errno.EPERM, "the site's own folder cannot be removed", _named(path))
            if path not in self._nodes:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), _named(path))
            self._expect(path, expected_version)
            self._remove(path)

        return self.answer("delete", delete)

    def make_folder(self, path: Path) -> MaybeDeferred[Entry]:
        def make() -> Entry:
            if path in self._nodes:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), _named(path))
            self._make_folders(path)
            found = self._entry(path)
            assert found is not None
            return found

        return self.answer("make_folder", make)

    def usage(self) -> MaybeDeferred[int]:
        return self.answer("usage", lambda: sum(occupied(len(node.data or b"")) for node in self._nodes.values()))

    # Inside

    def answer(self, method: str, compute: Callable[[], T]) -> MaybeDeferred[T]:
        """The result of `compute` for a call of `method`: now, or later where it is far."""
        self.calls[method] += 1

        def computed() -> T:
            if (action := self._before.pop(method, None)) is not None:
                action()
            if method in self._failures:
                raise self._failures[method]
            return compute()

        if self._reactor is None:
            return computed()
        assert isInIOThread(), f"{method} was called outside the reactor's thread"
        later: Deferred[T] = deferLater(self._reactor, self._delay, computed)
        return later

    def _kind(self, path: Path) -> Kind | None:
        node = self._nodes.get(path)
        return None if node is None else node.kind

    def _entry(self, path: Path) -> Entry | None:
        node = self._nodes.get(path)
        if node is not None:
            return Entry(path, node.kind, len(node.data or b""), node.mtime, node.version)
        if self.capabilities.knows_deleted and path in self._deleted:
            return Entry(path, Kind.DELETED)
        return None

    def _children(self, entry: Entry) -> list[Entry]:
        if self._kind(entry.path) is not Kind.FOLDER:
            raise GoneError(entry.name)
        inside = [path for path in self._nodes if path and path[:-1] == entry.path]
        return [found for path in inside if (found := self._entry(path)) is not None]

    def _file(self, entry: Entry) -> _Node:
        node = self._nodes.get(entry.path)
        if node is None or node.kind is not Kind.FILE:
            raise GoneError(entry.name)
        return node

    def _expect(self, path: Path, version: str | None) -> None:
        node = self._nodes.get(path)
        if version is not None and version != (ABSENT if node is None else node.version):
            raise ConflictError(errno.EBUSY, "somebody else has changed it", _named(path))

    def _make_folders(self, path: Path) -> None:
        for folder in _prefixes(path):
            kind = self._kind(folder)
            if kind is None:
                if self._mirror is not None:
                    self._mirror.joinpath(*folder).mkdir(exist_ok=True)
                self._put(folder, Kind.FOLDER)
            elif kind is not Kind.FOLDER:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), _named(path))

    def _put(self, path: Path, kind: Kind, data: bytes | None = None) -> Entry:
        is_new = path not in self._nodes
        self._changes += 1
        self._nodes[path] = _Node(kind, str(self._changes), self._now(), data)
        self._deleted.discard(path)
        if is_new and path:
            self._put(path[:-1], Kind.FOLDER)
        self._tell([path])
        found = self._entry(path)
        assert found is not None
        return found

    def _remove(self, path: Path) -> None:
        gone = [place for place in self._nodes if place[: len(path)] == path]
        for place in gone:
            del self._nodes[place]
            if self._mirror is not None:
                on_disk = self._mirror.joinpath(*place)
                if on_disk.is_file():
                    on_disk.unlink()
        self._deleted.update(gone)
        self._put(path[:-1], Kind.FOLDER)
        self._tell(gone)

    def _tell(self, paths: list[Path]) -> None:
        for changed in list(self._subscribers):
            changed(paths)


class MemoryFile:
    """See `OpenFile`: the content as it was when the file was opened."""

    def __init__(self, origin: MemoryOrigin, node: _Node) -> None:
        self._origin = origin
        self._node = node
        self._data = node.data or b""
        self.size = len(self._data)
        self.version = node.version
        self.mtime = node.mtime
        self.settled = True

    def fileno(self) -> None:
        return None

    def read_now(self, offset: int, length: int) -> bytes | None:
        return self._data[offset : offset + length] or None if self._origin.capabilities.synchronous else None

    def read(self, offset: int, length: int) -> MaybeDeferred[bytes]:
        return self._origin.answer("read_part", lambda: self._data[offset : offset + length])

    def duplicate(self) -> MemoryFile:
        return MemoryFile(self._origin, self._node)

    def close(self) -> None:
        pass


@attrs.frozen
class _MemoryValidity:
    entry: Callable[[Path], Entry | None]
    found: Mapping[Path, Entry | None]

    def holds(self) -> bool:
        return all(self.entry(path) == found for path, found in self.found.items())


def _prefixes(path: Path) -> Iterator[Path]:
    for depth in range(1, len(path) + 1):
        yield path[:depth]


def _named(path: Path) -> str:
    return "/" + "/".join(path)
