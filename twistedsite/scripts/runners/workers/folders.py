"""A private temporary folder for each worker: made before it is forked, removed when it has ended."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile

from twisted.internet.interfaces import IReactorThreads

from twistedsite.scripts.runners.shared import IThreadReactor


class TemporaryFolders:
    """The folders of a server's workers, all in one that nobody else can enter."""

    def __init__(self, reactor: IThreadReactor) -> None:
        self._threads = IReactorThreads(reactor, None)
        self._base = tempfile.mkdtemp(prefix="scriptsite-")
        self._numbers = itertools.count(1)
        self._closing = False

    def make(self) -> str:
        """The path of a new, empty folder. Raises OSError."""
        folder = os.path.join(self._base, str(next(self._numbers)))
        os.mkdir(folder, 0o700)
        return folder

    def remove(self, folder: str) -> None:
        """Remove `folder`, whose worker has ended, and all that is in it; it may be much: in a thread."""
        if self._closing:
            return
        if self._threads is None:
            remove_tree(folder)
        else:
            self._threads.callInThread(remove_tree, folder)

    def close(self) -> None:
        """Leave what is there to `stop`: the threads may be gone soon."""
        self._closing = True

    def stop(self) -> None:
        """Remove all of them: no worker is left."""
        remove_tree(self._base)


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


__all__ = ["TemporaryFolders", "remove_tree"]
