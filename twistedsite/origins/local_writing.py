"""What changes the folder on this machine's disk: every step goes by the descriptor of a folder and one name in it, and
follows no symbolic link, so that nobody who moves links about meanwhile can lead a write out of the site.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from typing import IO, Final

from twistedsite.origins.interface import ABSENT, ConflictError, occupied
from twistedsite.origins.version import local_version

TEMPORARY: Final = ".scriptsite-"
"""How the names of files begin that are being written. No name that begins with a dot is ever served."""
_FORGOTTEN: Final = 600.0
"""Seconds after which such a file counts as left behind by a crash."""
_PIECE: Final = 1024 * 1024
_FOLDER: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class LocalWriter:
    """Writes below `root`, an absolute path without links. It may be called from any thread."""

    def __init__(self, root: str, fsync: bool) -> None:
        self._root = root
        self._fsync = fsync
        self._replacing = threading.Lock()
        """Held from the look at a version to the change: what this process does comes in between of nothing."""

    def write(self, path: tuple[str, ...], data: bytes | IO[bytes], expected_version: str | None) -> os.stat_result:
        """See `Origin.write`; returns the new file's status."""
        with _naming(path), self._parent(path, make=True) as parent:
            name = path[-1]
            temporary = TEMPORARY + secrets.token_hex(8)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(temporary, flags, 0o600, dir_fd=parent)
            try:
                _copy(data, descriptor)
                if self._fsync:
                    os.fsync(descriptor)
                with self._replacing:
                    old = _status(name, parent)
                    _check_file(old, expected_version)
                    if old is not None:
                        _set_rights(descriptor, old, old.st_mode & 0o777)
                    else:
                        _inherit_rights(descriptor, parent)
                    os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
                return os.fstat(descriptor)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=parent)
                raise
            finally:
                os.close(descriptor)

    def delete(self, path: tuple[str, ...], expected_version: str | None) -> None:
        """See `Origin.delete`."""
        with _naming(path), self._parent(path, make=False) as parent:
            name = path[-1]
            if stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                shutil.rmtree(name, dir_fd=parent)
            else:
                with self._replacing:
                    _check_version(_status(name, parent), expected_version)
                    os.unlink(name, dir_fd=parent)

    def make_folder(self, path: tuple[str, ...]) -> os.stat_result:
        """See `Origin.make_folder`; returns the folder's status."""
        with _naming(path), self._parent(path, make=True) as parent:
            _make(path[-1], parent)
            return os.stat(path[-1], dir_fd=parent, follow_symlinks=False)

    def usage(self) -> int:
        """See `Origin.usage`. On the way, temporary files that a crash has left behind are removed."""
        total = 0
        forgotten = time.time() - _FORGOTTEN
        for _, _, files, folder in os.fwalk(self._root):
            total += occupied(0)
            for name in files:
                with contextlib.suppress(OSError):
                    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                    if name.startswith(TEMPORARY) and status.st_mtime < forgotten:
                        os.unlink(name, dir_fd=folder)
                    else:
                        total += occupied(status.st_size)
        return total

    @contextlib.contextmanager
    def _parent(self, path: tuple[str, ...], make: bool) -> Iterator[int]:
        """A descriptor of the folder that `path` lies in; `make`: folders that are not there are made."""
        if not path:
            raise PermissionError(errno.EPERM, "the site's own folder cannot be replaced or removed")
        folder = os.open(self._root, _FOLDER)
        try:
            for name in path[:-1]:
                below = _enter(name, folder, make)
                os.close(folder)
                folder = below
            yield folder
        finally:
            os.close(folder)


def _enter(name: str, folder: int, make: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if not make:
            raise
    except OSError as error:
        if error.errno == errno.ELOOP or _is_link(name, folder):
            raise PermissionError(errno.EPERM, "nothing is written through a symbolic link") from None
        raise
    with contextlib.suppress(FileExistsError):
        _make(name, folder)
    return _enter(name, folder, make=False)


def _is_link(name: str, folder: int) -> bool:
    status = _status(name, folder)
    return status is not None and stat.S_ISLNK(status.st_mode)


def _status(name: str, folder: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _check_file(status: os.stat_result | None, expected_version: str | None) -> None:
    """Raise the OSError that tells why what has `status` cannot be replaced by a file."""
    if status is not None:
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if stat.S_ISLNK(status.st_mode):
            raise PermissionError(errno.EPERM, "nothing is written through a symbolic link")
        if not stat.S_ISREG(status.st_mode):
            raise PermissionError(errno.EPERM, "not a plain file")
        if not status.st_mode & 0o222:
            raise PermissionError(errno.EACCES, "the file is read-only")
    _check_version(status, expected_version)


def _check_version(status: os.stat_result | None, expected: str | None) -> None:
    if expected is not None and expected != (ABSENT if status is None else local_version(status)):
        raise ConflictError(errno.EBUSY, "somebody else has changed it")


def _inherit_rights(descriptor: int, folder: int) -> None:
    """Give a new file or folder the rights and, where possible, the owner of the folder that it lies in.

    Not those of the server's umask, which a daemon sets for its own files. Writing is for nobody but owner and group.
    """
    above = os.fstat(folder)
    is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
    _set_rights(descriptor, above, above.st_mode & (0o2775 if is_folder else 0o664) | (0o700 if is_folder else 0o600))


def _set_rights(descriptor: int, owner: os.stat_result, mode: int) -> None:
    """Set what may be done with a file, and whose it is. Modes come without set-user-ID: what had that was another."""
    own = os.fstat(descriptor)
    if (own.st_uid, own.st_gid) != (owner.st_uid, owner.st_gid):
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
    os.fchmod(descriptor, mode)


def _make(name: str, folder: int) -> None:
    os.mkdir(name, 0o700, dir_fd=folder)
    descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        _inherit_rights(descriptor, folder)
    finally:
        os.close(descriptor)


def _copy(data: bytes | IO[bytes], descriptor: int) -> None:
    source = io.BytesIO(data) if isinstance(data, bytes) else data
    source.seek(0)
    with open(descriptor, "wb", closefd=False) as target:
        shutil.copyfileobj(source, target, _PIECE)


@contextlib.contextmanager
def _naming(path: tuple[str, ...]) -> Iterator[None]:
    """Let every OSError name `path` as the site knows it, and nothing of this machine."""
    try:
        yield
    except OSError as error:
        number = error.errno or errno.EIO
        kind = ConflictError if isinstance(error, ConflictError) else OSError
        raise kind(number, error.strerror or os.strerror(number), "/" + "/".join(path)) from None
