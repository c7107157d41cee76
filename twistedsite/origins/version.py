"""The version of a local file, from what the system tells of it. No Twisted here: the code cache uses it too."""

from __future__ import annotations

import os


def local_version(status: os.stat_result) -> str:
    """The version of a local file: it changes with every write, and when another file takes the name.

    The time of the last change (ctime) is meant, not that of the last modification, which programs set as they like:
    a file that is replaced by `cp -p` or `rsync -t` is another version too.
    """
    return f"{status.st_ctime_ns:x}-{status.st_size:x}-{status.st_ino:x}"
