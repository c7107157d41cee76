"""A script's standard error on its way to the server's log: in whole lines, bounded, without control characters."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

MAX_BUFFERED: Final = 8 * 1024
"""Most characters of an unfinished line that are buffered."""
_MAX_LOGGED: Final = 64 * 1024
"""Characters, about, that one script may add to the server's log. The rest is dropped."""
_CONTROL: Final = re.compile(r"[^\n\t\x20-\x7e\xa0-\U0010ffff]")


class LogText(io.TextIOBase):
    """The standard error of a script. It passes whole lines to `send`, several at once if they were written so."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, send: Callable[[str], None]) -> None:
        self._send = send
        self._buffered = ""
        # Reentrant: the garbage collector may run a finaliser in here that writes too.
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        with self._lock:
            lines, newline, self._buffered = (self._buffered + text).rpartition("\n")
            if newline:
                self._send(lines)
            elif len(self._buffered) > MAX_BUFFERED:
                self.flush()
        return len(text)

    def flush(self) -> None:
        with self._lock:
            text, self._buffered = self._buffered, ""
            if text:
                self._send(text)

    @property
    def buffer(self) -> io.RawIOBase:
        """Takes bytes, as UTF-8."""
        return _LogBytes(self)

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """Does nothing: the exceptions of a script that closes its standard error are logged all the same."""


class _LogBytes(io.RawIOBase):
    """The `sys.stderr.buffer` of a script."""

    def __init__(self, text: LogText) -> None:
        self._text = text

    def write(self, data: ReadableBuffer) -> int:
        view = memoryview(data).cast("B")
        self._text.write(str(view, "utf-8", "replace"))
        return len(view)

    def flush(self) -> None:
        self._text.flush()

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """Does nothing, as that of the text."""


class LogQuota:
    """Counts what one script has added to the log."""

    def __init__(self) -> None:
        self._logged = 0

    def take(self, text: str) -> str | None:
        """`text` as it may be logged, without control characters; None where the script has logged too much."""
        if self._logged > _MAX_LOGGED:
            return None
        left = _MAX_LOGGED - self._logged
        # A log entry costs more than its text.
        self._logged += len(text) + 100
        text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text[: max(left, 0)])
        return text if self._logged <= _MAX_LOGGED else f"{text}\n(it has written too much: no more of it)"
