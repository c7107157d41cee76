"""A private temporary folder for each worker: made before it is forked, removed when it has ended.

A server that is killed leaves its folders behind; the next one removes them. It knows them by their names, and by a
lock that ends with the server that holds it.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import stat
import tempfile
from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IReactorThreads

from twistedsite.scripts.runners.threads.shared import IThreadReactor

_PREFIX: Final = "scriptsite-"
_LOCK: Final = "lock"


class TemporaryFolders:
    """The folders of a server's workers, all in one whose content nobody else can list."""

    def __init__(self, reactor: IThreadReactor) -> None:
        self._threads = IReactorThreads(reactor, None)
        self._base, self._lock = _make_base()
        self._in_thread(remove_leftovers, os.path.dirname(self._base))
        self._numbers = itertools.count(1)
        self._closing = False

    def make(self, uid: int | None = None) -> str:
        """The path of a new, empty folder, of the user `uid` and its group if given. Raises OSError."""
        try:
            folder = self._make()
        except FileNotFoundError:
            # Somebody has tidied up, as system services do with what is old: the server must go on.
            os.close(self._lock)
            self._base, self._lock = _make_base()
            folder = self._make()
        if uid is not None:
            os.chmod(self._base, 0o711)
            os.chown(folder, uid, uid)
        return folder

    def _make(self) -> str:
        folder = os.path.join(self._base, str(next(self._numbers)))
        os.mkdir(folder, 0o700)
        return folder

    def remove(self, folder: str) -> None:
        """Remove `folder`, whose worker has ended, and all that is in it; it may be much: in a thread."""
        if not self._closing:
            self._in_thread(remove_tree, folder)

    def close(self) -> None:
        """Leave what is there to `stop`: the threads may be gone soon."""
        self._closing = True

    def stop(self) -> None:
        """Remove all of them: no worker is left."""
        remove_tree(self._base)
        os.close(self._lock)

    def _in_thread(self, remove: Callable[[str], None], folder: str) -> None:
        if self._threads is None:
            remove(folder)
            return
        try:
            self._threads.callInThread(remove, folder)
        except RuntimeError:
            # No thread can be started: scripts of this user have used up all that there may be.
            remove(folder)


def _make_base() -> tuple[str, int]:
    """A new folder, and the descriptor of its lock."""
    while True:
        base = tempfile.mkdtemp(prefix=_PREFIX)
        lock = os.open(os.path.join(base, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:
            return base, lock
        os.close(lock)  # another server took it for a leftover, before it was locked


def remove_leftovers(place: str) -> None:
    """Remove what servers of this user that are no more have left behind in the folder `place`."""
    found: list[str] = []
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        found = [entry.path for entry in entries if entry.name.startswith(_PREFIX)]
    for base in found:
        with contextlib.suppress(OSError):
            # Others may write into a temporary folder too: only what is a folder of our own is touched.
            status = os.lstat(base)
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                continue
            lock = os.open(os.path.join(base, _LOCK), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove_tree(base)
            finally:
                os.close(lock)


def remove_tree(folder: str) -> None:
    """Remove a tree that a stranger has made: however deep it is, by a few descriptors and no recursion.

    A folder is moved beside `folder` before it is opened. What cannot be removed stays.
    """
    numbers = itertools.count()
    pending = [folder]
    while pending:
        current = pending.pop()
        with contextlib.suppress(OSError):
            with os.scandir(current) as entries:
                for entry in entries:
                    with contextlib.suppress(OSError):
                        if entry.is_dir(follow_symlinks=False):
                            os.chmod(entry.path, 0o700)  # its maker could have closed it to us
                            moved = f"{folder}-{next(numbers)}"
                            os.rename(entry.path, moved)
                            pending.append(moved)
                        else:
                            os.unlink(entry.path)
            os.rmdir(current)


__all__ = ["TemporaryFolders", "remove_leftovers", "remove_tree"]
