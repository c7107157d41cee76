"""Where and why a script failed, as plain data: shown on the debug page and in the log. Secrets are redacted."""

from __future__ import annotations

import re

import msgspec

REDACTED = "(redacted)"
TIMEOUT = "Timeout"
"""The `type` of what is told of a script that is still running."""
_SECRET = re.compile(
    r"pass(word|wd|phrase)?|secret|token|api_?key|authori[sz]ation|cookie|credential|session_?id", re.I
)


class FrameReport(msgspec.Struct):
    """One call on the way to the failure."""

    filename: str
    """Relative to the site where the file lies in it, else the absolute path."""
    line: int
    function: str
    in_site: bool
    """The file is one of the site's own: its source and locals are shown."""
    source: list[tuple[int, str]] = []
    """Numbered lines around `line`."""
    locals: list[tuple[str, str]] = []
    """Name and representation of each local variable."""


class FailureReport(msgspec.Struct):
    """Why and where a script did not end well."""

    type: str
    message: str
    frames: list[FrameReport] = []
    """Outermost first; the last one is where it happened."""
    notes: list[str] = []
    """Causes and contexts, one line each."""

    def text(self) -> str:
        """The report as a traceback in plain text, for the log.

        Locals are in it where nothing else tells what went wrong: at the site's own line at which a script hung.
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
    """`value`, unless `name` sounds like a secret's."""
    return REDACTED if is_secret(name) else value
