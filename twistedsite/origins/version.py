"""The version of a local file, from what the system tells of it, and when that can be relied on.

No Twisted here: the code cache of worker processes uses it too.
"""

from __future__ import annotations

import os

TICK_NS = 20_000_000
"""Linux before 6.13 stamps files by a clock that moves every 1 to 10 ms only: two changes can look like one."""
COARSE_TICK_NS = 2_000_000_000
"""The coarsest clock of a file system: that of FAT."""
_SECOND_NS = 1_000_000_000


def local_version(status: os.stat_result) -> str:
    """The version of a local file: it changes with every write, and when another file takes the name.

    The time of the last change (ctime) is meant, not that of the last modification, which programs set as they like:
    a file that is replaced by `cp -p` or `rsync -t` is another version too.
    """
    return f"{status.st_ctime_ns:x}-{status.st_size:x}-{status.st_ino:x}"


def is_settled(status: os.stat_result, now: int) -> bool:
    """Whether every change of this file or folder since `now` gives it another ctime.

    `now` is `time.time_ns()` from before `status` was asked for. The tick of the last change must be over by then. File
    systems that stamp by whole seconds show it: their times have no fraction. This is the one rule of what has settled;
    everything that keeps what it has made of files uses it.
    """
    changed = status.st_ctime_ns
    tick = TICK_NS if changed % _SECOND_NS else COARSE_TICK_NS
    return abs(now - changed) > tick
