"""Whether workers can run as users of their own here, and whether these can reach what they need."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

import msgspec

_NEEDED: Final = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7}
"""Capabilities (include/uapi/linux/capability.h) by which a worker gets its user and its folder, is killed, and its
folder removed."""

_PACKAGE: Final = str(Path(__file__).parents[3])


def why_no_users(uid: int) -> str:
    """Why workers cannot run as the user `uid` here; empty where they can."""
    if lacking := _missing_capabilities():
        return f"needs a server that runs as root, and goes on doing so, or has {' '.join(lacking)}"
    for path in map(os.path.dirname, (os.__file__, msgspec.__file__, _PACKAGE)):
        if closed := closed_to(path, uid):
            return f"user {uid} cannot enter {closed}, and so not load {path}: open it, or install Python elsewhere"
    return ""


def _missing_capabilities() -> list[str]:
    with open("/proc/self/status") as file:
        effective = next(int(line.split()[1], 16) for line in file if line.startswith("CapEff:"))
    return [f"CAP_{name}" for name, bit in _NEEDED.items() if not effective >> bit & 1]


def closed_to(path: str, uid: int) -> str:
    """The first folder on the way to the folder `path`, itself included, that the user `uid` cannot enter; or empty.

    Judged by the mode alone (path_resolution(7)): a folder with an access control list may be open all the same.
    """
    folder = ""
    for step in ["/", *os.path.realpath(path).strip("/").split("/")]:
        folder = os.path.join(folder, step)
        try:
            status = os.stat(folder)
        except OSError:
            return ""
        bit = stat.S_IXOTH
        if status.st_uid == uid:
            bit = stat.S_IXUSR
        elif status.st_gid == uid:
            bit = stat.S_IXGRP
        if not status.st_mode & bit:
            return folder
    return ""
