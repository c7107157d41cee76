"""The server's side of `Storage`: who may write what, how much, and who holds it; the origin does the rest.

A RequestStorage serves one request. It is called from the script's thread or from one of the broker's, which may block.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from tempfile import TemporaryFile
from typing import IO, Any, Final, ParamSpec, TypeVar, cast

from twisted.internet.threads import blockingCallFromThread

from twistedsite.origins.interface import Entry, GoneError, Kind, MaybeDeferred, OpenFile, Origin, Path, occupied
from twistedsite.scripts.broker.quota import Quota
from twistedsite.scripts.exchange.files import PathLock
from twistedsite.scripts.messages.storage import MAX_DEPTH, Child
from twistedsite.sessions.locks import LockTable, QueuedLock
from twistedsite.settings.folder import FILE_NAME
from twistedsite.settings.server import StorageSettings

P = ParamSpec("P")
T = TypeVar("T")

_MAX_NAME: Final = 255
"""Bytes of a name, as Linux has it."""
_PIECE: Final = 1024 * 1024
"""Bytes that are copied at a time."""
_MAX_NAMES: Final = 4 * 1024 * 1024
"""Characters of all names of one folder that a script is told of, or that it may remove."""


class SiteStorage:
    """The files of one site, for all of its scripts."""

    def __init__(self, origin: Origin, settings: StorageSettings, reactor: Any) -> None:
        """`reactor` tells the time, and makes the calls to an origin that is not synchronous."""
        self.settings = settings
        self.origin = origin
        self.locks: Final = LockTable(_busy, settings.lock_queue)
        self.quota: Final = Quota(settings.quota, lambda: self.ask(origin.usage), reactor.seconds)
        self._reactor = reactor

    def open(self, writable: tuple[Path, ...], timeout: float) -> RequestStorage:
        """The storage of a request that may write below the paths `writable` and runs for `timeout` seconds."""
        return RequestStorage(self, writable, timeout)

    def ask(self, question: Callable[P, MaybeDeferred[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a call to the origin leads to; waits for it. Not for the reactor's thread."""
        if self.origin.capabilities.synchronous:
            return cast(T, question(*args, **kwargs))
        return cast(T, blockingCallFromThread(self._reactor, question, *args, **kwargs))

    def read(self, file: OpenFile, offset: int, length: int) -> bytes:
        """Up to `length` bytes of `file` from `offset` on. Not for the reactor's thread."""
        if file.fileno() is not None:
            return cast(bytes, file.read(offset, length))
        return self.ask(file.read, offset, length)


class _Held:
    """A lock that a request holds, or waits for, and how often it has asked for it."""

    def __init__(self, lock: QueuedLock) -> None:
        self.lock = lock
        self.times = 1


class RequestStorage:
    """See `Storage`. A path that the request has locked already it may lock again."""

    def __init__(self, site: SiteStorage, writable: tuple[Path, ...], timeout: float) -> None:
        self._site = site
        self._writable = writable
        self._timeout = timeout
        self._held: dict[Path, _Held] = {}
        self._closed = False
        self._guard = threading.Lock()
        """Held to look at `_held` and `_closed`."""
        self._locking = threading.Lock()
        """Held from asking for a lock until it is there: a script's own threads get theirs one after the other."""

    def read(self, path: Path) -> bytes:
        """See `Storage.read`."""
        return self.content(self.open(path))

    def content(self, file: OpenFile) -> bytes:
        """All that is in `file`, which is closed."""
        try:
            return self._site.read(file, 0, file.size)
        finally:
            file.close()

    def with_descriptor(self, file: OpenFile) -> OpenFile | IO[bytes]:
        """`file` itself, or where it has no descriptor a copy that has one; `file` is then closed."""
        if file.fileno() is not None:
            return file
        copy = TemporaryFile()  # noqa: SIM115  # the caller closes it
        try:
            for offset in range(0, file.size, _PIECE):
                copy.write(self._site.read(file, offset, _PIECE))
            copy.seek(0)
        except BaseException:
            copy.close()
            raise
        finally:
            file.close()
        return copy

    def open(self, path: Path) -> OpenFile:
        """The file `path`, open for reading; to be closed by the caller."""
        entry = self._found(path)
        if entry.kind is Kind.FOLDER:
            raise _error(errno.EISDIR, "it is a folder", path)
        if entry.kind is not Kind.FILE:
            raise _error(errno.EACCES, "it is no plain file of this site", path)
        try:
            file = self._site.ask(self._site.origin.open, entry)
        except GoneError:
            raise _nothing(path) from None
        try:
            self.check_size(file.size, path)
        except OSError:
            file.close()
            raise
        return file

    def check_size(self, size: int, path: Path | None = None) -> None:
        """Raise OSError EFBIG where a file of `size` bytes, `path` perhaps, is too large to be read or written."""
        limit = self._site.settings.file_size
        if size > limit:
            text = f"the file has {size} bytes; scripts read and write {limit} at most"
            raise OSError(errno.EFBIG, text) if path is None else _error(errno.EFBIG, text, path)

    def write(self, path: Path, data: bytes | IO[bytes]) -> None:
        """See `Storage.write`. `data` may also be a file, of which all is written."""
        self._check_writable(path)
        size = len(data) if isinstance(data, bytes) else data.seek(0, 2)
        self.check_size(size, path)
        (old,) = self._entries([path])
        more = occupied(size) - (occupied(old.size) if old is not None else 0)
        more += self._folders_missing(path[:-1]) if old is None else 0
        with self._site.quota.taking(more, _shown(path)):
            self._site.ask(self._site.origin.write, path, data)

    def children(self, path: Path) -> list[Child] | None:
        """See `Storage.children`."""
        entry = self._found(path)
        if entry.kind is Kind.FILE:
            return None
        if entry.kind is not Kind.FOLDER:
            raise _error(errno.EACCES, "it is nothing of this site", path)
        kinds = (Kind.FILE, Kind.FOLDER)
        found = [child for child in self._children(entry) if child.kind in kinds]
        return sorted((Child(child.name, child.kind is Kind.FOLDER) for child in found), key=lambda child: child.name)

    def make_folder(self, path: Path) -> None:
        """See `Storage.make_folder`."""
        self._check_writable(path)
        with self._site.quota.taking(self._folders_missing(path), _shown(path)):
            self._site.ask(self._site.origin.make_folder, path)

    def remove(self, path: Path) -> None:
        """See `Storage.remove`. A folder with a protected name in it stays as it is."""
        self._check_writable(path)
        entry = self._found(path)
        with self._site.quota.taking(-self._size_of(entry), _shown(path)):
            self._site.ask(self._site.origin.delete, path)

    def lock(self, path: Path, timeout: float, *, writing: bool = False) -> AbstractContextManager[None]:
        """See `Storage.lock`."""
        self._check_path(path)
        return PathLock(self, path, timeout, writing)

    def acquire(self, path: Path, timeout: float, writing: bool) -> None:
        """See `LockHolder`."""
        if writing:
            self._check_writable(path)
        else:
            self._check_path(path)
        site = self._site
        name = site.origin.lock_name(path)
        with self._locking:
            with self._guard:
                self._check_open()
                if (known := self._held.get(name)) is not None:
                    known.times += 1
                    return
                if len(self._held) >= site.settings.locks:
                    raise _error(errno.ENOLCK, f"this request holds {site.settings.locks} locks already", path)
                lock = site.locks.lock(name, min(max(timeout, 0.0), self._timeout))
                self._held[name] = _Held(lock)
            try:
                lock.__enter__()
            except TimeoutError:
                self._forget(name)
                raise _error(errno.ETIMEDOUT, "other requests still hold it", path) from None
            except BaseException:
                self._forget(name)
                raise
            with self._guard:
                self._check_open()

    def release(self, path: Path) -> None:
        """See `LockHolder`."""
        name = self._site.origin.lock_name(path)
        with self._guard:
            held = self._held.get(name)
            if held is None:
                return
            held.times -= 1
            if held.times:
                return
            del self._held[name]
        held.lock.__exit__(None, None, None)

    def close(self) -> None:
        """See `Storage.close`. It may be called from any thread: a call that waits for a lock then fails."""
        with self._guard:
            self._closed = True
            held, self._held = self._held, {}
        for one in held.values():
            one.lock.__exit__(None, None, None)

    def _forget(self, name: Path) -> None:
        with self._guard:
            held = self._held.pop(name, None)
        if held is not None:
            held.lock.__exit__(None, None, None)

    def _check_open(self) -> None:
        if self._closed:
            raise OSError(errno.EBADF, "the request is over, and with it its way to the files")

    def _check_path(self, path: Path) -> None:
        self._check_open()
        if len(path) > MAX_DEPTH or not all(_is_name(name) for name in path):
            raise OSError(errno.EINVAL, "not a path of this site", _shown(path)[:1000])

    def _check_writable(self, path: Path) -> None:
        self._check_path(path)
        for name in path:
            if is_protected(name):
                raise _error(errno.EPERM, f"{name} is protected: no script may change it", path)
        if not any(path[: len(allowed)] == allowed for allowed in self._writable):
            raise _error(errno.EPERM, "the settings of this site do not let its scripts write here", path)

    def _entries(self, paths: list[Path]) -> list[Entry | None]:
        """What stands at each of `paths`; None for what was deleted too."""
        found = self._site.ask(self._site.origin.lookup_many, paths)
        return [None if entry is None or entry.kind is Kind.DELETED else entry for entry in found]

    def _found(self, path: Path) -> Entry:
        self._check_path(path)
        (entry,) = self._entries([path])
        if entry is None:
            raise _nothing(path)
        return entry

    def _children(self, folder: Entry) -> list[Entry]:
        try:
            found = self._site.ask(self._site.origin.children, folder)
        except GoneError:
            raise _nothing(folder.path) from None
        if sum(len(child.name) for child in found) > _MAX_NAMES:
            raise _error(errno.E2BIG, f"the folder has too many names: {len(found)}", folder.path)
        return found

    def _folders_missing(self, path: Path) -> int:
        """Bytes that the folders on the way to and at `path` will take which are not there yet."""
        folders = [path[:depth] for depth in range(1, len(path) + 1)]
        return occupied(0) * self._entries(folders).count(None)

    def _size_of(self, entry: Entry) -> int:
        """Bytes that `entry` takes with all that is in it; PermissionError where one of its names is protected."""
        total = occupied(entry.size)
        unseen = [entry] if entry.kind is Kind.FOLDER else []
        while unseen:
            for child in self._children(unseen.pop()):
                if is_protected(child.name):
                    raise _error(errno.EPERM, "it is protected: no script may remove it", child.path)
                total += occupied(child.size)
                if child.kind is Kind.FOLDER:
                    unseen.append(child)
        return total


def is_protected(name: str) -> bool:
    """Whether no script may ever write, make or remove what has this name, nor anything below it."""
    return name.startswith(".") or name.casefold() == FILE_NAME


def _is_name(name: str) -> bool:
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return False
    return 0 < length <= _MAX_NAME and name not in (".", "..") and not any(sign in name for sign in "/\0")


def _nothing(path: Path) -> OSError:
    return _error(errno.ENOENT, "nothing of this name is there", path)


def _error(number: int, text: str, path: Path) -> OSError:
    return OSError(number, text, _shown(path))


def _shown(path: Path) -> str:
    return "/" + "/".join(path)


def _busy() -> Exception:
    return TimeoutError(errno.ETIMEDOUT, "other requests still hold it")
