"""From an open file to a request, with bounded memory and without making the reactor wait for the disk.

A file with a descriptor is read in a thread, or sent by the connection itself; one without is asked for its bytes.
"""

from __future__ import annotations

from typing import Any, Final, Protocol, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request
from zope.interface import implementer

from twistedsite.http.connection.sendfile import ShortFileError
from twistedsite.origins.interface import MaybeDeferred, OpenFile, await_if_deferred
from twistedsite.resources.content.background import BackgroundThreads
from twistedsite.resources.content.ranges import ByteRange

CHUNK: Final = 128 * 1024
"""Bytes read at a time."""

_log = Logger()


async def read_part(file: OpenFile, part: ByteRange, background: BackgroundThreads) -> bytes:
    """Return the bytes of `part`, which is small.

    Raises ShortFileError where the file ends before, and OriginError.
    """
    data = file.read_now(part.start, part.length)
    if data is None or len(data) < part.length:
        if file.fileno() is None:
            data = await await_if_deferred(file.read(part.start, part.length))
        else:
            # A duplicate, because the caller may close its own while the thread still reads.
            data = await background.call(_read_and_close, file.duplicate(), part)
    if len(data) < part.length:
        raise ShortFileError
    return data


async def send_part(request: Request, file: OpenFile, part: ByteRange, background: BackgroundThreads) -> None:
    """Write the bytes of `part` to `request` as fast as the client takes them.

    Where the file ends before, the connection is aborted, since the client has been told another length.
    """
    send_file: Any = getattr(request, "send_file", None)
    descriptor = file.fileno()
    try:
        if send_file is not None and descriptor is not None:
            await send_file(descriptor, part.start, part.length)
        else:
            await PartProducer(request, FileSource(file, background), part).done
    except (ConnectionLost, ConnectionError):
        raise CancelledError from None
    except (ShortFileError, OSError) as error:
        _log.warn("{path}: sending stopped: {error!r}", path=request.path, error=error)
        abort(request)
        raise CancelledError from error


async def send_body(request: Request, body: bytes) -> None:
    """Write `body` to `request` as fast as the client takes it."""
    if len(body) <= CHUNK:
        request.write(body)
    else:
        await PartProducer(request, MemorySource(body), ByteRange(0, len(body))).done


class ByteSource(Protocol):
    """Where a producer's bytes come from."""

    def read(self, offset: int, length: int) -> MaybeDeferred[bytes]:
        """Return up to `length` bytes, none only at the end; raises OSError."""
        ...

    def close(self) -> None:
        """Called once, when no read is under way."""
        ...


class FileSource:
    """A duplicate of an open file, so that the caller may close its own while this one is still being read."""

    def __init__(self, file: OpenFile, background: BackgroundThreads) -> None:
        self._file = file.duplicate()
        self._background = background

    def read(self, offset: int, length: int) -> MaybeDeferred[bytes]:
        file = self._file
        if (data := file.read_now(offset, length)) is not None:
            return data
        if file.fileno() is None:
            return file.read(offset, length)
        return self._background.call(read_blocking, file, offset, length)

    def close(self) -> None:
        self._file.close()


class MemorySource:
    """A body that is all there."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def read(self, offset: int, length: int) -> bytes:
        return self._body[offset : offset + length]

    def close(self) -> None:
        pass


@implementer(IPushProducer)
class PartProducer:
    """Sends a part of what `source` has, a chunk at a time, only while the client takes what was sent before.

    `done` fires when all is written; it fails with ShortFileError or OSError. Cancelling it stops the reading.
    """

    def __init__(self, request: Request, source: ByteSource, part: ByteRange) -> None:
        self.done: Deferred[None] = Deferred(lambda _: self.stopProducing())
        self._request = request
        self._source = source
        self._position, self._stop = part
        self._wanted = True
        self._reading = False
        self._ended = False
        request.registerProducer(self, True)
        self._produce()

    def resumeProducing(self) -> None:
        """The client has taken enough: go on."""
        self._wanted = True
        self._produce()

    def pauseProducing(self) -> None:
        """The client is slow: read nothing more for now."""
        self._wanted = False

    def stopProducing(self) -> None:
        """The client has gone: read nothing more at all."""
        if not self._ended:
            self._ended = True
            if not self._reading:
                self._source.close()

    def _produce(self) -> None:
        while self._wanted and not self._reading and not self._ended:
            length = min(self._stop - self._position, CHUNK)
            if not length:
                self._end(None)
                return
            try:
                data = self._source.read(self._position, length)
            except OSError:
                self._end(Failure())
                return
            if isinstance(data, Deferred):
                self._reading = True
                data.addBoth(self._read)
            else:
                self._write(data)

    def _read(self, result: bytes | Failure) -> None:
        self._reading = False
        if self._ended:
            self._source.close()
        elif isinstance(result, Failure):
            self._end(result)
        else:
            self._write(result)
            self._produce()

    def _write(self, data: bytes) -> None:
        if data:
            self._position += len(data)
            self._request.write(data)
        else:
            self._end(Failure(ShortFileError()))

    def _end(self, failure: Failure | None) -> None:
        self.stopProducing()
        self._request.unregisterProducer()
        if failure is None:
            self.done.callback(None)
        else:
            self.done.errback(failure)


def read_blocking(file: OpenFile, offset: int, length: int) -> bytes:
    """`file.read`, for a thread: of a file that has a descriptor."""
    return cast(bytes, file.read(offset, length))


def _read_and_close(file: OpenFile, part: ByteRange) -> bytes:
    try:
        return read_blocking(file, part.start, part.length)
    finally:
        file.close()


def abort(request: Request) -> None:
    """Cut the connection (of HTTP/2: the stream) of `request` without sending what is pending."""
    channel = request.channel
    if channel is None:
        return
    cut = getattr(channel, "abortConnection", None) or getattr(channel.transport, "abortConnection", None)
    (cut or request.loseConnection)()
