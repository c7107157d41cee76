"""A response that is awaited without a Request.

The engine's `QuickAnswer` may name who answers a GET or HEAD without content over HTTP/1; that one gets a
`PendingResponse`. As a rule the answer comes in one piece that needs nothing but Date and Connection. Where more is
needed (a stream, compression, an error page), `request()` makes the Request that the channel would have made otherwise,
so both ways give the same answers. What may not come here: content, upgrades, foreign resources, HTTP/2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.python.failure import Failure

from twistedsite.http.connection.info import ConnectionInfo
from twistedsite.http.connection.interface import Connection, FullRequest
from twistedsite.http.message.head import RequestHead
from twistedsite.http.message.response import PreparedResponse


class PendingResponse:
    """The channel's `CurrentRequest` until it is answered. `when_gone` is called when there is no client any more."""

    __slots__ = ("_channel", "head", "when_gone")

    authenticated: Final = ""
    startedWriting: Final = 0  # noqa: N815 - as a Request calls it
    code: Final = 200
    sentLength: Final = 0  # noqa: N815 - as a Request calls it

    def __init__(self, channel: Connection, head: RequestHead) -> None:
        self._channel: Connection | None = channel
        self.head = head
        self.when_gone: Callable[[], object] | None = None

    @property
    def info(self) -> ConnectionInfo | None:
        """What is known of the connection; None where it is lost."""
        return None if self._channel is None else self._channel.info

    def answer(self, response: PreparedResponse) -> None:
        """Send the whole answer. Where the client has gone, nothing happens."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.answer_pending(self.head, response)

    def request(self) -> FullRequest | None:
        """The Request to go on with instead, for the long way; None where the client has gone."""
        channel, self._channel = self._channel, None
        if channel is None:
            return None
        request = channel.make_request(self.head, None)
        request.locate()
        return request

    def connectionLost(self, reason: Failure) -> None:
        """There is no client any more."""
        self._channel = None
        if self.when_gone is not None:
            self.when_gone()
