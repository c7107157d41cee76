"""Temporary folders that say whether their process is still there: what a killed one leaves, the next one takes away.

A folder is locked (flock(2)) for as long as its maker lives; the kernel lets go of the lock, however that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import tempfile
from typing import Final

_PREFIX: Final = "scriptsite-"
_UNLOCKED: Final = ".scriptsite-"
"""How a folder is called until its lock is held: nobody sweeps it away in between."""


class ScratchFolder:
    """A new folder of this process, `path`, that nobody else can enter."""

    def __init__(self) -> None:
        made = tempfile.mkdtemp(prefix=_UNLOCKED)
        self._descriptor = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        folder, name = os.path.split(made)
        self.path = os.path.join(folder, _PREFIX + name.removeprefix(_UNLOCKED))
        os.rename(made, self.path)

    def remove(self) -> None:
        """Remove it, and all that is in it."""
        remove_tree(self.path)
        os.close(self._descriptor)


def sweep() -> None:
    """Remove the folders of this user's processes that were killed."""
    with os.scandir(tempfile.gettempdir()) as entries:
        found = [entry.path for entry in entries if entry.name.startswith(_PREFIX)]
    for path in found:
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if os.fstat(descriptor).st_uid == os.geteuid():
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    remove_tree(path)
            finally:
                os.close(descriptor)


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
