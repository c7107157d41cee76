"""The formats of the server's own log: plain lines for people, JSON lines for programs. No event can forge a line."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from typing import IO, Any, Literal, cast

from twisted.logger import FileLogObserver, LogEvent, LogLevel, eventAsText
from twisted.python.logfile import LogFile

from twistedsite.scripts.messages.failure import redact

ROTATE_AT = 16 * 1024 * 1024
"""Bytes of one log file; then a new one is begun."""
ROTATED_FILES = 9
"""Earlier log files that are kept."""
MAX_TEXT = 64 * 1024
"""Characters of one event; the rest is cut off."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_BANNER = "twisted.scripts._twistd_unix.UnixAppLogger"
"""twistd's own first lines: its version, its reactor, its end."""


def log_observer(file: IO[Any] | LogFile, form: Literal["text", "json"]) -> FileLogObserver:
    """Return an observer that writes every event as one line (`json`) or as one line and indented ones (`text`)."""
    return FileLogObserver(cast("IO[Any]", file), as_json if form == "json" else as_text)


def as_text(event: LogEvent) -> str | None:
    """`2026-01-31 12:00:00 warn: what happened`; further lines of the event are indented."""
    text = _text(event)
    if text is None:
        return None
    level = event.get("log_level", LogLevel.info)
    word = "" if level is LogLevel.info else f"{level.name}: "
    time = datetime.fromtimestamp(event["log_time"]).strftime("%Y-%m-%d %H:%M:%S")
    return f"{time} {word}{escaped(text)}\n"


def as_json(event: LogEvent) -> str | None:
    """One JSON object: `time`, `level`, `logger`, `message`, and the event's own plain values."""
    text = _text(event)
    if text is None:
        return None
    line = {
        "time": datetime.fromtimestamp(event["log_time"], UTC).isoformat(timespec="milliseconds"),
        "level": event.get("log_level", LogLevel.info).name,
        "logger": event.get("log_namespace", ""),
        "message": text,
    }
    own = {
        name: redact(name, value) if isinstance(value, str) else value
        for name, value in event.items()
        if isinstance(value, str | int | float) and not name.startswith("log_") and name not in line
    }
    return json.dumps(own | line) + "\n"


def escaped(text: str) -> str:
    """`text` with control characters made visible and every line but the first one indented."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text).replace("\n", "\n    ")


def _text(event: LogEvent) -> str | None:
    if event.get("log_namespace") == _BANNER and event.get("log_level") is LogLevel.info:
        return None
    text: str = eventAsText(event, includeTimestamp=False, includeSystem=False).rstrip()
    return text[:MAX_TEXT] or None


class ServerLogFile(LogFile):
    """A log file that is rotated at ROTATE_AT bytes, and is opened again when another program has moved it."""

    def __init__(self, path: str) -> None:
        directory, name = os.path.split(path)
        super().__init__(name, directory, rotateLength=ROTATE_AT, maxRotatedFiles=ROTATED_FILES)

    def write(self, data: str | bytes) -> None:
        """Append `data` to the file that has the name now."""
        if self._moved() and os.access(self.directory, os.W_OK):
            self.reopen()
        super().write(data)

    def _moved(self) -> bool:
        try:
            return not os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return True
