"""What a script writes to standard error on its way to the server's log: whole lines, a bounded number, escaped."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable
from typing import Final

MAX_HELD: Final = 8 * 1024
"""Characters of a line that are held back for the rest of it."""
_MAX_LOGGED: Final = 64 * 1024
"""Characters, about, that one script may add to the server's log; what goes beyond is dropped."""
_CONTROL: Final = re.compile(r"[^\n\t\x20-\x7e\xa0-\U0010ffff]")


class LogText(io.TextIOBase):
    """The standard error of a script: whole lines are given to `send`, several at once if they were written so."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, send: Callable[[str], None]) -> None:
        self._send = send
        self._held = ""
        # Again by the same thread: the collector may run, in here, a finaliser that writes too.
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        with self._lock:
            lines, newline, self._held = (self._held + text).rpartition("\n")
            if newline:
                self._send(lines)
            elif len(self._held) > MAX_HELD:
                self.flush()
        return len(text)

    def flush(self) -> None:
        with self._lock:
            held, self._held = self._held, ""
            if held:
                self._send(held)

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing: a script that closes its standard error has its exceptions logged all the same."""


class Allowance:
    """What one script may still add to the log."""

    def __init__(self) -> None:
        self._logged = 0

    def take(self, text: str) -> str | None:
        """`text` without control characters, as it may be logged; None where there has been too much."""
        if self._logged > _MAX_LOGGED:
            return None
        left = _MAX_LOGGED - self._logged
        # A log entry costs more than its text.
        self._logged += len(text) + 100
        text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text[: max(left, 0)])
        return text if self._logged <= _MAX_LOGGED else f"{text}\n(it has written too much: no more of it)"
