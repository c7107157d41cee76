"""The folder on this machine's disk. Every path is resolved by the kernel, through a descriptor, so that a symbolic
link that changes in between cannot lead outside.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from typing import IO, Final, Literal

from twistedsite.origins.interface import Entry, GoneError, Kind
from twistedsite.origins.local_writing import LocalWriter
from twistedsite.origins.version import local_version

_DELETED: Final = " (deleted)"
"""What Linux adds to the link in /proc of a descriptor whose file has no name any more."""


class LocalFile:
    """An open plain file."""

    def __init__(self, descriptor: int, status: os.stat_result) -> None:
        self._descriptor = descriptor
        self.size = status.st_size
        self.mtime = status.st_mtime
        self.version = local_version(status)

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class LocalOrigin:
    """The tree below `root`. All of its answers come at once; it may be called from any thread."""

    near: Final = True

    def __init__(self, root: str, symlinks: Literal["inside", "none"] = "inside", fsync: bool = True) -> None:
        """`fsync`: what is written is on the disk before it takes the place of what was there."""
        self.root: Final = os.path.realpath(root)
        self._inside: Final = self.root.rstrip("/") + "/"
        self._symlinks = symlinks
        self._writer = LocalWriter(self.root, fsync)

    def children(self, entry: Entry) -> list[Entry]:
        with self.folder(entry) as folder:
            return folder.entries([name for name, _ in folder.names()])

    @contextlib.contextmanager
    def folder(self, entry: Entry) -> Iterator[LocalFolder]:
        """Open the folder `entry`. Raises GoneError where it is none any more, or may not be read."""
        with self._descriptor(entry.path) as descriptor:
            if descriptor is None or self._kind(descriptor, entry.path) is not Kind.FOLDER:
                raise GoneError(entry.name)
            try:
                folder = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError as error:
                raise GoneError(entry.name) from error
        try:
            yield LocalFolder(self, entry.path, folder)
        finally:
            os.close(folder)

    def open(self, entry: Entry) -> LocalFile:
        with self._descriptor(entry.path) as descriptor:
            if descriptor is None or self._kind(descriptor, entry.path) is not Kind.FILE:
                raise GoneError(entry.name)
            try:
                # The very file that was judged, by its descriptor: a name could mean another one by now.
                reading = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            except OSError as error:
                raise GoneError(entry.name) from error
        return LocalFile(reading, os.fstat(reading))

    def read(self, entry: Entry, limit: int) -> bytes:
        file = self.open(entry)
        try:
            if file.size > limit:
                raise GoneError(entry.name)
            return os.read(file.fileno(), limit)
        finally:
            file.close()

    def local_path(self, entry: Entry) -> str:
        return self._inside + "/".join(entry.path)

    def lock_name(self, path: tuple[str, ...]) -> tuple[str, ...]:
        return path

    def write(self, path: tuple[str, ...], data: bytes | IO[bytes], expected_version: str | None = None) -> Entry:
        return _described(path, Kind.FILE, self._writer.write(path, data, expected_version))

    def delete(self, path: tuple[str, ...], expected_version: str | None = None) -> None:
        self._writer.delete(path, expected_version)

    def make_folder(self, path: tuple[str, ...]) -> Entry:
        return _described(path, Kind.FOLDER, self._writer.make_folder(path))

    def usage(self) -> int:
        return self._writer.usage()

    def lookup(self, path: tuple[str, ...]) -> Entry | None:
        with self._descriptor(path) as descriptor:
            if descriptor is None:
                return None
            kind = self._kind(descriptor, path)
            if kind is not Kind.FILE and kind is not Kind.FOLDER:
                return Entry(path, kind)
            status = os.fstat(descriptor)
        return None if status.st_nlink == 0 else _described(path, kind, status)

    @contextlib.contextmanager
    def _descriptor(self, path: tuple[str, ...]) -> Iterator[int | None]:
        try:
            # O_PATH names the file without opening it: a FIFO does not block, a device is not touched.
            descriptor = os.open(self._inside + "/".join(path), os.O_PATH | os.O_CLOEXEC)
        except (OSError, ValueError):
            yield None
            return
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _kind(self, descriptor: int, path: tuple[str, ...]) -> Kind:
        real = os.readlink(f"/proc/self/fd/{descriptor}")
        named = self._inside + "/".join(path)
        if real != named and real.removesuffix(_DELETED) != named.rstrip("/"):
            followed = self._symlinks == "inside" and (real == self.root or real.startswith(self._inside))
            if not followed:
                return Kind.OUTSIDE
        return _kind_of(os.fstat(descriptor).st_mode)


class LocalFolder:
    """An open folder."""

    def __init__(self, origin: LocalOrigin, path: tuple[str, ...], descriptor: int) -> None:
        self._origin = origin
        self._path = path
        self._descriptor = descriptor

    def status(self) -> os.stat_result:
        """What the system tells of the folder itself."""
        return os.fstat(self._descriptor)

    def names(self) -> list[tuple[str, Kind | None]]:
        """The names in it, in no particular order, and what they stand for; None for a symbolic link.

        This does not look at the files themselves: where there are many, that takes most of the time.
        """
        with os.scandir(self._descriptor) as found:
            return [(item.name, _kind_of_item(item)) for item in found]

    def entries(self, names: Iterable[str]) -> list[Entry]:
        """What stands at each of `names`; those that are gone are left out."""
        found = []
        for name in names:
            path = (*self._path, name)
            try:
                status = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISLNK(status.st_mode):
                entry = self._origin.lookup(path)
                if entry is not None:
                    found.append(entry)
            else:
                found.append(_described(path, _kind_of(status.st_mode), status))
        return found


def _kind_of_item(item: os.DirEntry[str]) -> Kind | None:
    if item.is_symlink():
        return None
    if item.is_file(follow_symlinks=False):
        return Kind.FILE
    return Kind.FOLDER if item.is_dir(follow_symlinks=False) else Kind.SPECIAL


def _kind_of(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return Kind.FILE
    return Kind.FOLDER if stat.S_ISDIR(mode) else Kind.SPECIAL


def _described(path: tuple[str, ...], kind: Kind, status: os.stat_result) -> Entry:
    if kind is Kind.SPECIAL:
        return Entry(path, kind)
    size = status.st_size if kind is Kind.FILE else 0
    return Entry(path, kind, size, status.st_mtime, local_version(status))
