"""Files to sockets: by sendfile where the bytes go out unchanged, else read in a thread, piece by piece.

Both are driven by the client's readiness to take more: a slow reader holds a file descriptor, never a thread.
"""

from __future__ import annotations

import os

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.internet.threads import deferToThreadPool
from zope.interface import implementer

from twistedsite.http.connection.interface import Connection, FileRequest

SLICE = 512 * 1024
"""Bytes offered to the socket in one turn of the reactor."""
PIECE = 128 * 1024
"""Bytes read at once in a thread."""


class ShortFileError(Exception):
    """The file ended before the length that was promised to the client."""


def send_file(request: FileRequest, fd: int, offset: int, length: int) -> Deferred[None]:
    """See `Request.send_file`."""
    if not request.startedWriting:
        request.write(b"")
    channel = request.channel
    if channel is None or not request.wants_content or length <= 0:
        return succeed(None)
    if channel.socket is not None and not request.chunked and request._encoder is None:
        sender = _Sender(request, channel, fd, offset, length)
        channel.lend_transport(sender)
        return sender.done
    return _Pump(request, channel, fd, offset, length).start()


@implementer(IPullProducer)
class _Sender:
    """The transport's producer while a file goes out; asked for more whenever the socket takes more."""

    def __init__(self, request: FileRequest, channel: Connection, fd: int, offset: int, length: int) -> None:
        self.done: Deferred[None] = Deferred(lambda _: self._cut_off())
        self._request = request
        self._channel = channel
        self._fd = fd
        self._offset = offset
        self._left = length

    def resumeProducing(self) -> None:
        """Send the next slice."""
        channel = self._channel
        if self.done.called or channel.socket is None or channel.pending():
            return
        try:
            sent = os.sendfile(channel.socket.fileno(), self._fd, self._offset, min(self._left, SLICE))
        except BlockingIOError:
            channel.when_writable()
            return
        except OSError as error:
            self._fail(error)
            return
        if not sent:
            self._fail(ShortFileError(f"{self._left} bytes are missing"))
            return
        self._offset += sent
        self._left -= sent
        channel.sent_past_transport(sent)
        self._request.content_sent(sent)
        if self._left:
            channel.when_writable()
        else:
            channel.take_transport_back()
            self.done.callback(None)

    def stopProducing(self) -> None:
        """The connection is lost."""
        if not self.done.called:
            self.done.errback(ConnectionLost())

    def _fail(self, error: Exception) -> None:
        self._cut_off()
        if not self.done.called:
            self.done.errback(error)

    def _cut_off(self) -> None:
        """The promised length cannot be kept: the client must see that the response is not whole."""
        self._channel.take_transport_back()
        self._channel.abortConnection()


@implementer(IPushProducer)
class _Pump:
    """Reads in a thread, writes when the client has room."""

    def __init__(self, request: FileRequest, channel: Connection, fd: int, offset: int, length: int) -> None:
        self._request = request
        self._channel = channel
        self._fd = fd
        self._offset = offset
        self._left = length
        self._paused: Deferred[None] | None = None
        self._stopped = False

    def start(self) -> Deferred[None]:
        self._request.registerProducer(self, True)
        done = Deferred.fromCoroutine(self._run())
        self._request.notifyFinish().addErrback(lambda _: done.cancel())
        return done

    async def _run(self) -> None:
        reactor = self._channel.engine.reactor
        whole = False
        try:
            while self._left:
                if self._paused is not None:
                    await self._paused
                size = min(self._left, PIECE)
                data = await deferToThreadPool(reactor, reactor.getThreadPool(), os.pread, self._fd, size, self._offset)
                if self._stopped:
                    raise ConnectionLost
                if not data:
                    raise ShortFileError(f"{self._left} bytes are missing")
                self._offset += len(data)
                self._left -= len(data)
                self._request.write(data)
            whole = True
        finally:
            if self._request.channel is not None:
                self._request.unregisterProducer()
                if not whole:
                    self._request.channel.abortConnection()

    def pauseProducing(self) -> None:
        if self._paused is None:
            self._paused = Deferred()

    def resumeProducing(self) -> None:
        waiting, self._paused = self._paused, None
        if waiting is not None:
            waiting.callback(None)

    def stopProducing(self) -> None:
        self._stopped = True
        self.resumeProducing()
