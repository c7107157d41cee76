"""Whether this machine's kernel holds worker processes to their policy: asked once, when the server starts.

A program of its own tries it: the server, which has threads and a reactor, must not fork.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from typing import Final

import msgspec
from twisted.logger import Logger

from twistedsite.scripts.runners.workers.spawner import program_environment
from twistedsite.scripts.sandbox.policy import Layer, SandboxReport
from twistedsite.settings.load import SettingsError
from twistedsite.settings.server import SandboxLevel

_PROGRAM: Final = "twistedsite.scripts.sandbox"
_PATIENCE: Final = 10.0
"""Seconds for the program."""

_log = Logger()


def check_sandbox(level: SandboxLevel) -> str:
    """Log, and return, in one line what holds here. Raises SettingsError where that is less than `level` requires."""
    if level == "off":
        line = "sandbox off: a script can do what the server's user can."
        _log.warn("{line}", line=line)
        return line
    report = see_what_holds()
    line = report.summary()
    if level == "required" and not report.sufficient:
        raise SettingsError("", "sandbox", f"required, but the {line}")
    log = _log.info if report.sufficient else _log.warn
    log("{line}", line=line)
    return line


@cache
def see_what_holds() -> SandboxReport:
    """What the sandbox was seen to hold; nothing where the program that tries it has failed."""
    try:
        ended = subprocess.run(
            [sys.executable, "-P", "-m", _PROGRAM],
            env=program_environment(),
            cwd="/",
            capture_output=True,
            check=True,
            timeout=_PATIENCE,
        )
        return msgspec.json.decode(ended.stdout, type=SandboxReport)
    except (OSError, subprocess.SubprocessError, msgspec.MsgspecError) as error:
        return SandboxReport((Layer("the attempt", False, str(error)),))
