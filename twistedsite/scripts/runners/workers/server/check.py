"""Whether this machine's kernel holds worker processes to their policy: asked once, when the server starts.

A program of its own tries it: the server, which has threads and a reactor, must not fork.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from typing import Final

import msgspec
from twisted.logger import Logger

from twistedsite.scripts.runners.workers.server.spawner import program_environment
from twistedsite.scripts.runners.workers.server.users import why_no_users
from twistedsite.scripts.sandbox.policy import Layer, SandboxReport
from twistedsite.settings.load import SettingsError
from twistedsite.settings.server import SandboxLevel

_PROGRAM: Final = "twistedsite.scripts.sandbox"
_PATIENCE: Final = 10.0
"""Seconds for the program."""

_log = Logger()


def check_sandbox(level: SandboxLevel, uid: int | None = None) -> str:
    """Log, and return, in one line what holds here, for workers that run as the user `uid` if one is given.

    Raises SettingsError where that is less than `level` requires, or where workers cannot have users of their own.
    """
    if uid is not None and (problem := why_no_users(uid)):
        raise SettingsError("", "workers.uids", problem)
    if uid is None and os.geteuid() == 0:
        _log.warn("scripts run as root, without its capabilities but as the owner of its files: set workers.uids")
    if level == "off":
        line = "sandbox off: a script can do what the server's user can."
        _log.warn("{line}", line=line)
        return line
    report = see_what_holds(uid)
    line = report.summary()
    if level == "required" and not report.sufficient:
        raise SettingsError("", "sandbox", f"required, but the {line}")
    log = _log.info if report.sufficient else _log.warn
    log("{line}", line=line)
    return line


@cache
def see_what_holds(uid: int | None = None) -> SandboxReport:
    """What the sandbox was seen to hold, for the user `uid` if given; nothing where the program for it has failed."""
    try:
        ended = subprocess.run(
            [sys.executable, "-P", "-m", _PROGRAM, *([] if uid is None else [str(uid)])],
            env=program_environment(),
            cwd="/",
            capture_output=True,
            check=True,
            timeout=_PATIENCE,
        )
        return msgspec.json.decode(ended.stdout, type=SandboxReport)
    except (OSError, subprocess.SubprocessError, msgspec.MsgspecError) as error:
        return SandboxReport((Layer("the attempt", False, str(error)),))
