"""Where and why a script failed, as plain data: shown on the debug page and in the log. Secrets are redacted."""

from __future__ import annotations

import re

import msgspec

REDACTED = "(redacted)"
TIMEOUT = "Timeout"
"""The `type` of a report of a script that is still running."""
_SECRET = re.compile(
    r"pass(word|wd|phrase)?|secret|token|api_?key|authori[sz]ation|cookie|credential|session_?id", re.I
)


class FrameReport(msgspec.Struct):
    """One frame of the traceback."""

    filename: str
    """Relative to the site for the site's own files, else absolute."""
    line: int
    function: str
    in_site: bool
    """The file is one of the site's own. Only for these the source and the local variables are shown."""
    source: list[tuple[int, str]] = []
    """Numbered lines around `line`."""
    locals: list[tuple[str, str]] = []
    """Name and representation of each local variable."""


class FailureReport(msgspec.Struct):
    """Why and where a script has failed, or where it was stopped."""

    type: str
    message: str
    frames: list[FrameReport] = []
    """Outermost first; the last one is where it failed."""
    notes: list[str] = []
    """Causes and contexts, one line each."""

    def text(self) -> str:
        """The report as a traceback in plain text, for the log.

        It has local variables only for the innermost frame of the site, and only where the script was stopped: there is
        no message then that explains it.
        """
        hung = next((frame for frame in reversed(self.frames) if frame.in_site), None) if self.type == TIMEOUT else None
        lines = []
        for frame in self.frames:
            lines.append(f'  File "{frame.filename}", line {frame.line}, in {frame.function}')
            if frame is hung:
                lines += [f"    {name} = {value}" for name, value in frame.locals]
        return "\n".join([*lines, f"{self.type}: {self.message}", *self.notes])


def is_secret(name: str) -> bool:
    """Whether `name` sounds like a secret's."""
    return _SECRET.search(name) is not None


def redact(name: str, value: str) -> str:
    """Return `value`, or REDACTED where `name` sounds like a secret's."""
    return REDACTED if is_secret(name) else value
