"""Whether files and folders on this machine's disk are still what they were: by `lstat` alone, without opening them.

Each file that was found is signed, and each folder on the way to it or to a path at which nothing was found. Symbolic
links are never followed: whoever replaces a file or a folder by one has changed it.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Mapping

from twistedsite.origins.interface import Entry, Kind, Path
from twistedsite.origins.version import is_settled, local_version


class LocalValidity:
    """See `Validity`. A check costs one `lstat` for each file and each folder."""

    __slots__ = ("_signatures",)

    def __init__(self, signatures: list[_SignedFile | _SignedFolder]) -> None:
        self._signatures = signatures

    def holds(self) -> bool:
        try:
            for signature in self._signatures:
                if not signature.holds():
                    return False
        except OSError:
            return False
        return True


def local_validity(root: str, found: Mapping[Path, Entry | None]) -> LocalValidity | None:
    """See `Origin.validity`, for the folder `root`."""
    signing = _Signing(root)
    try:
        for path, entry in found.items():
            signing.add(path, entry)
    except (OSError, _UncertainError):
        return None
    signatures: list[_SignedFile | _SignedFolder] = [*signing.files.values(), *signing.folders.values()]
    return LocalValidity(signatures) if signatures else None


class _UncertainError(Exception):
    """Something is not plain, was changed a moment ago, or is not what was found any more."""


class _SignedFile:
    """A plain file, and all that changes with its content, permissions or name."""

    __slots__ = ("_changed", "_path", "_plain")

    def __init__(self, path: str, status: os.stat_result) -> None:
        self._path = path
        self._plain = status[:7]
        """Mode, inode, device, links, owner, group, size."""
        self._changed = status.st_ctime_ns

    def holds(self) -> bool:
        """Whether the file is unchanged; raises OSError where it is gone."""
        status = os.lstat(self._path)
        return status.st_ctime_ns == self._changed and status[:7] == self._plain


class _SignedFolder:
    """A folder, when a name in it came or went last, and the names that must not come."""

    __slots__ = ("_changed", "_identity", "_inode", "_path", "_watched")

    def __init__(self, path: str, status: os.stat_result) -> None:
        self._path = path
        self._identity = status[:3]
        """Mode, inode and device."""
        self._inode = status.st_ino
        self._changed = status.st_ctime_ns
        self._watched: set[str] = set()

    def watch(self, name: str) -> None:
        """From now on `name` must not come."""
        if os.path.lexists(f"{self._path}/{name}"):
            raise _UncertainError(name)
        self._watched.add(name)

    def holds(self) -> bool:
        """Whether the folder is the same and no watched name has come; raises OSError where it is gone.

        Other names may come and go. While none does, the watched ones need no look.
        """
        status = os.lstat(self._path)
        if status.st_ctime_ns == self._changed and status.st_ino == self._inode:
            return True
        now = time.time_ns()
        status = os.lstat(self._path)
        if status[:3] != self._identity or any(os.path.lexists(f"{self._path}/{name}") for name in self._watched):
            return False
        if is_settled(status, now):
            self._changed = status.st_ctime_ns
        return True


class _Signing:
    """Signs what look-ups have found. Raises _UncertainError, or OSError, where a signature would prove nothing."""

    def __init__(self, root: str) -> None:
        self._root = root
        self.files: dict[Path, _SignedFile] = {}
        self.folders: dict[Path, _SignedFolder] = {}

    def add(self, path: Path, entry: Entry | None) -> None:
        """Sign everything on which it depends that `entry` was found at `path`."""
        if not self._sign_way(path, entry):
            return
        if entry is None:
            if not path:
                raise _UncertainError(path)
            self.folders[path[:-1]].watch(path[-1])
        elif entry.kind is Kind.FOLDER:
            self._sign_folder(path)
        elif entry.kind is Kind.FILE:
            status = self._status(path)
            if not entry.settled or entry.version != local_version(status):
                raise _UncertainError(path)
            self._sign_file(path, status)
        else:
            raise _UncertainError(path)

    def _sign_way(self, path: Path, entry: Entry | None) -> bool:
        """Sign the folders above `path`; False where they end before it: that alone says that nothing is there."""
        for depth in range(len(path)):
            above = path[:depth]
            if above in self.folders:
                continue
            if above not in self.files:
                try:
                    status = self._status(above)
                except FileNotFoundError:
                    if not above or entry is not None:
                        raise
                    self.folders[above[:-1]].watch(above[-1])
                    return False
                if stat.S_ISDIR(status.st_mode):
                    self._sign_folder(above)
                    continue
                self._sign_file(above, status)
            if entry is not None:
                raise _UncertainError(path)
            return False
        return True

    def _sign_folder(self, path: Path) -> None:
        if path not in self.folders:
            status = self._status(path)
            if not stat.S_ISDIR(status.st_mode):
                raise _UncertainError(path)
            self.folders[path] = _SignedFolder(self._local(path), status)

    def _sign_file(self, path: Path, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise _UncertainError(path)
        self.files[path] = _SignedFile(self._local(path), status)

    def _status(self, path: Path) -> os.stat_result:
        """The status of what is at `path`, which must have settled."""
        now = time.time_ns()
        status = os.lstat(self._local(path))
        if not is_settled(status, now):
            raise _UncertainError(path)
        return status

    def _local(self, path: Path) -> str:
        return "/".join((self._root, *path))
