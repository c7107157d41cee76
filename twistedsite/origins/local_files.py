"""Files and folders of this machine's disk that are open: what `LocalOrigin` reads from. Usable from any thread."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterable

from twistedsite.origins.interface import Entry, Kind, OriginError, Path
from twistedsite.origins.local_writing import TEMPORARY
from twistedsite.origins.version import is_settled, local_version


class LocalFile:
    """See `OpenFile`. `status` is that of the plain file `descriptor`, asked for after `now`, in nanoseconds."""

    def __init__(self, descriptor: int, status: os.stat_result, now: int) -> None:
        self._descriptor = descriptor
        self._status = status
        self._now = now
        self.size = status.st_size
        self.mtime = status.st_mtime
        self.version = local_version(status)
        self.settled = is_settled(status, now)

    @classmethod
    def of(cls, descriptor: int) -> LocalFile:
        """The file that `descriptor`, which it closes in the end, has open."""
        now = time.time_ns()
        return cls(descriptor, os.fstat(descriptor), now)

    def fileno(self) -> int:
        return self._descriptor

    def read_now(self, offset: int, length: int) -> bytes | None:
        if not hasattr(os, "RWF_NOWAIT"):
            return None
        buffer = bytearray(length)
        try:
            count = os.preadv(self._descriptor, (buffer,), offset, os.RWF_NOWAIT)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EOPNOTSUPP):
                return None
            raise OriginError(error.errno, error.strerror) from error
        return bytes(memoryview(buffer)[:count]) if count else None

    def read(self, offset: int, length: int) -> bytes:
        try:
            return os.pread(self._descriptor, length, offset)
        except OSError as error:
            raise OriginError(error.errno, error.strerror) from error

    def duplicate(self) -> LocalFile:
        return LocalFile(os.dup(self._descriptor), self._status, self._now)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class LocalFolder:
    """An open folder, at `path` in the site. `follow` looks up what a symbolic link in it leads to."""

    def __init__(self, descriptor: int, path: Path, follow: Callable[[Path], Entry | None]) -> None:
        self._descriptor = descriptor
        self._path = path
        self._follow = follow

    def status(self) -> os.stat_result:
        """What the system tells of the folder itself."""
        return os.fstat(self._descriptor)

    def names(self) -> list[tuple[str, Kind | None]]:
        """The names in it, in no particular order, and what they stand for; None for a symbolic link.

        Files that are just being written are left out. This does not look at the files: where there are many, that
        takes most of the time.
        """
        with os.scandir(self._descriptor) as found:
            return [(item.name, _kind_of_item(item)) for item in found if not item.name.startswith(TEMPORARY)]

    def entries(self, names: Iterable[str]) -> list[Entry]:
        """What stands at each of `names`; those that are gone are left out."""
        found = []
        now = time.time_ns()
        for name in names:
            path = (*self._path, name)
            try:
                status = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise OriginError(error.errno, error.strerror) from error
            if stat.S_ISLNK(status.st_mode):
                entry = self._follow(path)
                if entry is not None:
                    found.append(entry)
            else:
                found.append(local_entry(path, kind_of(status.st_mode), status, now))
        return found


def kind_of(mode: int) -> Kind:
    """What a file of this mode is."""
    if stat.S_ISREG(mode):
        return Kind.FILE
    return Kind.FOLDER if stat.S_ISDIR(mode) else Kind.SPECIAL


def local_entry(path: Path, kind: Kind, status: os.stat_result, now: int) -> Entry:
    """The entry of what has `status`, which was asked for after `now`, in nanoseconds."""
    if kind is Kind.FILE:
        return Entry(path, kind, status.st_size, status.st_mtime, local_version(status), is_settled(status, now))
    if kind is Kind.FOLDER:
        return Entry(path, kind, 0, status.st_mtime, local_version(status), is_settled(status, now))
    return Entry(path, kind)


def _kind_of_item(item: os.DirEntry[str]) -> Kind | None:
    if item.is_symlink():
        return None
    if item.is_file(follow_symlinks=False):
        return Kind.FILE
    return Kind.FOLDER if item.is_dir(follow_symlinks=False) else Kind.SPECIAL
