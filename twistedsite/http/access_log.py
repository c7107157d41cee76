"""The access log: one line for each response in the combined format, written off the hot path; with several sites, in
Apache's vhost_combined format, which has the host before it.

Answering only appends to a list; a thread of the reactor's pool formats and writes the batch. A clean stop writes what
is left. The file is opened anew when it has been moved away, so that logrotate needs no signal.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import IO, Protocol, cast

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from twistedsite.http.connection.body import ThreadingReactor
from twistedsite.http.message.head import printable

FLUSH_SECONDS = 1.0
FLUSH_ENTRIES = 512
MOST_ENTRIES = 100_000
"""Entries that may wait for a disk that hangs; further ones are counted and dropped."""


class LogReactor(ThreadingReactor, Protocol):
    """What the log needs of a reactor."""

    def callLater(self, delay: float, callable: object) -> IDelayedCall: ...


LogEntry = tuple[float, bytes, bytes, int, int, bytes, bytes]
"""One response: seconds since the epoch, peer (or host and peer), quoted request line, status, bytes of content, quoted
client fields, and the user.

The texts are as `printable` leaves them.
"""

NOTHING = b'"-"'
"""A request line that is not known."""
NOBODY = b'"-" "-"'
"""Client fields that are not known."""
NO_USER = b"-"
"""Nobody was asked for a name."""


class AccessLog:
    """Writes entries to the file at `path`, or to standard output for `-`."""

    _log = Logger()

    def __init__(self, path: str, reactor: LogReactor) -> None:
        self._path = path
        self._reactor = reactor
        self._entries: list[LogEntry] = []
        self._dropped = 0
        self._call: IDelayedCall | None = None
        self._writing = False
        self._handed: list[LogEntry] = []
        """What a thread is to write; taken by whoever writes first, under the lock."""
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None

    def add(self, entry: LogEntry) -> None:
        """Log `entry` soon."""
        entries = self._entries
        if len(entries) >= MOST_ENTRIES:
            self._dropped += 1
            return
        entries.append(entry)
        if len(entries) >= FLUSH_ENTRIES:
            self._flush()
        elif self._call is None:
            self._call = self._reactor.callLater(FLUSH_SECONDS, self._due)

    def close(self) -> None:
        """Write all that waits, and close the file. Waits for the disk."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        entries, self._entries = self._entries, []
        with self._lock:
            self._handed += entries
            self._write_handed()
            if self._file is not None and self._path != "-":
                self._file.close()
            self._file = None

    def _due(self) -> None:
        self._call = None
        self._flush()

    def _flush(self) -> None:
        if self._entries and not self._writing:
            self._writing = True
            with self._lock:
                self._handed, self._entries = self._entries, []
            self._reactor.callInThread(self._write_batch)

    def _write_batch(self) -> None:
        with self._lock:
            self._write_handed()
        self._reactor.callFromThread(self._written)

    def _written(self) -> None:
        self._writing = False
        if len(self._entries) >= FLUSH_ENTRIES:
            self._flush()
        if self._dropped:
            self._log.warn("access log: {count} entries lost, {path} is too slow", count=self._dropped, path=self._path)
            self._dropped = 0

    def _write_handed(self) -> None:
        """In any thread, under the lock: format and write."""
        entries, self._handed = self._handed, []
        if not entries:
            return
        try:
            file = self._current_file()
            file.write(b"".join(map(combined, entries)))
            file.flush()
        except (OSError, ValueError) as error:
            self._log.error("access log: {path}: {error}", path=self._path, error=error)

    def _current_file(self) -> IO[bytes]:
        if self._path == "-":
            # Not sys.stdout: twistd makes that its own log.
            if sys.__stdout__ is None:
                raise OSError("there is no standard output")
            return cast(IO[bytes], sys.__stdout__.buffer)
        if self._file is not None:
            opened = os.fstat(self._file.fileno())
            try:
                there = os.stat(self._path)
            except FileNotFoundError:
                there = None
            if there is not None and (opened.st_dev, opened.st_ino) == (there.st_dev, there.st_ino):
                return self._file
            self._file.close()
        self._file = open(self._path, "ab")  # noqa: SIM115 - kept open until rotated or closed
        return self._file


def combined(entry: LogEntry) -> bytes:
    """Return the line for `entry` in Apache's combined format."""
    at, peer, request, status, sent, client, user = entry
    return b"%b - %b [%b] %b %d %d %b\n" % (peer, user, _timestamp(int(at)), request, status, sent, client)


def user_field(name: str) -> bytes:
    """Return `name` as one word of the log; `-` for nobody."""
    return printable(name.encode("utf-8", "replace")).replace(b" ", b"\\x20") if name else NO_USER


_last_timestamp = (0, b"")


def _timestamp(second: int) -> bytes:
    global _last_timestamp
    if _last_timestamp[0] != second:
        _last_timestamp = (second, time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(second)).encode("ascii"))
    return _last_timestamp[1]
