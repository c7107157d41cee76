"""The working directory of a running script: the folder that it lies in, as under CGI. So `open("data.txt")` finds its
neighbour.

A process has one working directory and one umask, which its threads share (the kernel's `fs_struct`). `unshare` gives a
thread its own; that needs no privilege, but some containers forbid it.
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

CLONE_FS: Final = 0x200
"""From `linux/sched.h`."""
_unshare: Final = ctypes.CDLL(None, use_errno=True).unshare


class WorkingDirectory:
    """That of the calling thread, to be set before each script. `folder` is absolute."""

    def __init__(self) -> None:
        self._umask = os.umask(0o077)
        os.umask(self._umask)

    def enter(self, folder: str) -> None:
        """Make `folder` the working directory, and set the umask to what it was at the beginning."""
        try:
            os.chdir(folder)
        except OSError:
            # It is gone, or may not be entered. The folder of the script before it must not be found instead.
            os.chdir("/")
        os.umask(self._umask)


def own_working_directory() -> WorkingDirectory | None:
    """One that the calling thread shares with no other from now on; None where the system does not allow that."""
    return WorkingDirectory() if _unshare(CLONE_FS) == 0 else None
