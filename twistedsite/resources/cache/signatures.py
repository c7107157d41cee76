"""Whether files and folders on this machine's disk are still what they were: by `lstat` alone, without opening them.

Symbolic links are never followed: whoever replaces a file or a folder by one has changed it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import Final

import attrs

from twistedsite.origins.version import local_version

SETTLED: Final = 2.0
"""Seconds after a change for which signatures prove nothing: two changes in one tick of a file system's clock look the
same."""


def settled_by(now: float) -> int:
    """The time, in nanoseconds since the epoch, up to which changes are sure to show, at `now` in seconds."""
    return int((now - SETTLED) * 1e9)


class UnsettledError(Exception):
    """Something is not plain, or was changed a moment ago, so that its signature proves nothing."""


@attrs.frozen
class FileSignature:
    """A plain file, and all that changes with its content, permissions or name."""

    path: str
    plain: tuple[int, ...]
    """Mode, inode, device, links, owner, group, size."""
    modified: int
    changed: int
    """Times of modification and of change, in nanoseconds."""

    @classmethod
    def of(cls, path: str, settled: int, version: str | None = None) -> FileSignature:
        """The signature of the file at `path`, of its `version` if one is given.

        Raises UnsettledError where it changed after `settled` or has another version, or OSError.
        """
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode) or max(status.st_ctime_ns, status.st_mtime_ns) > settled:
            raise UnsettledError(path)
        if version is not None and version != local_version(status):
            raise UnsettledError(path)
        return cls(path, status[:7], status.st_mtime_ns, status.st_ctime_ns)

    def holds(self) -> bool:
        """Whether the file is unchanged; raises OSError where it is gone."""
        status = os.lstat(self.path)
        return status.st_ctime_ns == self.changed and status.st_mtime_ns == self.modified and status[:7] == self.plain


@attrs.define
class FolderSignature:
    """A folder, and when a name in it came or went last. `watched` is a name that must not come, or None."""

    path: str
    identity: tuple[int, ...]
    """Mode, inode and device."""
    changed: int
    watched: str | None

    @classmethod
    def of(cls, path: str, watched: str | None, settled: int) -> FolderSignature:
        """The signature of the folder at `path`; raises UnsettledError where it changed after `settled`, or OSError."""
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode) or status.st_ctime_ns > settled:
            raise UnsettledError(path)
        return cls(path, status[:3], status.st_ctime_ns, watched)

    def holds(self, now: Callable[[], float]) -> bool:
        """Whether the folder is the same and `watched` has not come; raises OSError where it is gone.

        Other names may come and go.
        """
        status = os.lstat(self.path)
        if status.st_ctime_ns == self.changed and status.st_ino == self.identity[1]:
            return True
        if status[:3] != self.identity or (self.watched and os.path.lexists(self.watched)):
            return False
        if status.st_ctime_ns <= settled_by(now()):
            self.changed = status.st_ctime_ns
        return True

    def is_untouched(self) -> bool:
        """Whether no name has come or gone; raises OSError where the folder is gone."""
        status = os.lstat(self.path)
        return status.st_ctime_ns == self.changed and status[:3] == self.identity
