"""A request's content while it arrives: in memory while small, else in an unlinked temporary file.

The file is written by a pool thread, one batch at a time; what waits for the disk is bounded by `full`, at which the
channel stops reading. Whatever happens to the request, `abandon` or the garbage collector closes the file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from io import BytesIO
from typing import IO, Protocol

import attrs

from twistedsite.http.message.framing import ChunkedFraming, Framing, LengthFraming
from twistedsite.http.message.head import HeaderFields, RequestError, RequestHead
from twistedsite.settings.server import HttpLimits

BACKLOG = 512 * 1024
"""Bytes that may wait for the disk."""


class BodyCheck(Protocol):
    """Looks at content while it arrives, e.g. at a multipart form."""

    def feed(self, data: bytes) -> object:
        """Look at the next bytes; an exception with `status: int` and `message: str` becomes the answer."""

    def finish(self) -> object:
        """No more comes; may raise as `feed` does."""


MakeBodyCheck = Callable[[HeaderFields], BodyCheck | None]
"""Makes the check for one request from its header fields."""


@attrs.frozen
class ContentLimits:
    """Content of at most `max_body` bytes; `check_body`, if any, may look at it while it arrives."""

    max_body: int
    check_body: MakeBodyCheck | None = None

    def allow(self, length: int) -> None:
        """Raise RequestError 413 where `length` bytes are too many."""
        if length > self.max_body:
            raise RequestError(413, f"The content is longer than {self.max_body} bytes")

    def for_any(self, host: bytes) -> ContentLimits:
        """Return the same limits for every host: see `LimitsOfHost`."""
        return self

    def check(self, fields: HeaderFields) -> BodyCheck | None:
        """What looks at the content of the request with these header fields; None: nothing."""
        return self.check_body(fields) if self.check_body is not None else None

    def judge(self, fields: HeaderFields, content: bytes) -> None:
        """Raise RequestError for `content`, which is all there, as it would have been while it arrived."""
        self.allow(len(content))
        check = self.check(fields)
        if check is not None:
            checked(check.feed, content)
            checked(check.finish)


LimitsOfHost = Callable[[bytes], ContentLimits]
"""Tells what holds of content that is sent to a host, with the port as in a Host field; empty: there is none."""


class ThreadingReactor(Protocol):
    """What is needed of a reactor to write off its thread."""

    def callInThread(self, callable: Callable[..., object], *args: object) -> object: ...

    def callFromThread(self, callable: Callable[..., object], *args: object) -> object: ...


class RequestBody:
    """The content of the request with `head`, of at most `limit` bytes.

    `resume` is called when there is room again after `full`; `failed` with an OSError when the disk is full.
    """

    began = 0.0
    """When it was begun, in the same seconds as `feed`'s."""

    def __init__(
        self,
        head: RequestHead,
        limit: int,
        limits: HttpLimits,
        check: BodyCheck | None,
        reactor: ThreadingReactor,
        resume: Callable[[], None],
        failed: Callable[[OSError], None],
    ) -> None:
        self.received = 0
        self._head = head
        self._limit = limit
        self._limits = limits
        self._framing: Framing = (
            ChunkedFraming(self._write_content)
            if head.chunked
            else LengthFraming(head.content_length, self._write_content)
        )
        self._check = check
        self._reactor = reactor
        self._resume = resume
        self._failed = failed
        self._memory: BytesIO | None = BytesIO()
        self._file: IO[bytes] | None = None
        self._waiting: list[bytes] = []
        self._backlog = 0
        self._writing = False
        self._abandoned = False
        self._ready: Callable[[RequestHead, IO[bytes]], None] | None = None

    @property
    def full(self) -> bool:
        """Whether the disk is too far behind to take more."""
        return self._backlog > BACKLOG

    def feed(self, data: bytes, now: float) -> bytes | None:
        """Take the next bytes of the connection at `now` seconds; return those after the end, None before it.

        Raises RequestError 400 for bad chunks, 413 beyond the limit, 408 for bytes that come too slowly, or what the
        check says.
        """
        rest = self._framing.feed(data)
        elapsed = now - self.began
        if rest is None and elapsed > self._limits.body_idle and self.received < elapsed * self._limits.body_rate:
            raise RequestError(408, "The content comes too slowly")
        return rest

    def _write_content(self, data: bytes) -> None:
        self.received += len(data)
        if self.received > self._limit:
            raise RequestError(413, f"The content is longer than {self._limit} bytes")
        if self._check is not None:
            checked(self._check.feed, data)
        if self._memory is None:
            self._spool(data)
        elif self.received <= self._limits.body_memory:
            self._memory.write(data)
        else:
            held, self._memory = self._memory.getvalue() + data, None
            self._spool(held)

    def finish(self, ready: Callable[[RequestHead, IO[bytes]], None]) -> None:
        """No more comes: call `ready` with head and content, at its start, when it has all been written.

        Raises what the check says.
        """
        if self._check is not None:
            checked(self._check.finish)
        if self._memory is not None:
            self._memory.seek(0)
            ready(self._head, self._memory)
        else:
            self._ready = ready
            self._write_next()

    def abandon(self) -> None:
        """The request will not be served: free everything."""
        self._abandoned = True
        self._waiting.clear()
        if not self._writing and self._file is not None:
            self._reactor.callInThread(self._file.close)
            self._file = None

    def _spool(self, data: bytes) -> None:
        self._waiting.append(data)
        self._backlog += len(data)
        self._write_next()

    def _write_next(self) -> None:
        if not self._writing:
            self._writing = True
            batch, self._waiting = self._waiting, []
            self._reactor.callInThread(self._write, batch, self._ready is not None)

    def _write(self, batch: list[bytes], last: bool) -> None:
        """In a thread: write `batch`; nobody else touches the file meanwhile."""
        error = None
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever gets the content closes it
            self._file.writelines(batch)
            if last:
                self._file.seek(0)
        except OSError as problem:
            error = problem
        self._reactor.callFromThread(self._written, sum(map(len, batch)), last, error)

    def _written(self, count: int, last: bool, error: OSError | None) -> None:
        self._writing = False
        was_full = self.full
        self._backlog -= count
        if self._abandoned:
            self.abandon()
        elif error is not None:
            self._failed(error)
        elif self._waiting or (self._ready is not None and not last):
            self._write_next()
        elif self._ready is not None and self._file is not None:
            file, self._file = self._file, None
            self._ready(self._head, file)
            return
        if was_full and not self.full and not self._abandoned:
            self._resume()


def close_content(content: IO[bytes], reactor: ThreadingReactor) -> None:
    """Close a request's content; freeing a large file can take the disk a while."""
    if isinstance(content, BytesIO):
        content.close()
    else:
        reactor.callInThread(content.close)


def checked(step: Callable[..., object], *args: object) -> None:
    """Call a step of a check; what it raises with a status becomes a RequestError."""
    try:
        step(*args)
    except Exception as error:
        status, message = getattr(error, "status", None), getattr(error, "message", None)
        if isinstance(status, int) and isinstance(message, str):
            # A check ends its sentence, a RequestError's text is ended by whoever sends it.
            raise RequestError(status, message.removesuffix(".")) from None
        raise
