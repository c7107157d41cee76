"""A private temporary folder for each worker: made before it is forked, removed when it has ended.

Where the server is killed, the next one of the same user removes them.
"""

from __future__ import annotations

import itertools
import os

from twisted.internet.interfaces import IReactorThreads

from twistedsite.scripts.runners.shared import IThreadReactor
from twistedsite.scripts.runners.workers.scratch import ScratchFolder, remove_tree, sweep


class TemporaryFolders:
    """The folders of a server's workers, all in one that nobody else can enter."""

    def __init__(self, reactor: IThreadReactor) -> None:
        self._threads = IReactorThreads(reactor, None)
        self._base = ScratchFolder()
        self._numbers = itertools.count(1)
        self._closing = False
        if self._threads is not None:
            self._threads.callInThread(sweep)

    def make(self) -> str:
        """The path of a new, empty folder. Raises OSError."""
        folder = os.path.join(self._base.path, str(next(self._numbers)))
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
        self._base.remove()
