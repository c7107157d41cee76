"""The short way to answer: without a Request, for those who know beforehand what will be asked of them.

`Site.direct` names who may take it. A request on this way is a GET or HEAD without content, over HTTP/1, whose answer
comes later but, as a rule, in one piece that needs nothing but Date and Connection. Whoever finds that more is needed
after all (a stream, compression, an error page) calls `request()` and goes on with the Request that the channel would
have made in the first place; so the long way stays the one that knows everything, and both give the same answers.
What may not come here: content, upgrades, foreign resources, HTTP/2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from twisted.python.failure import Failure

from twistedsite.http.connection.info import EndsText
from twistedsite.http.message.head import RequestHead
from twistedsite.http.message.response import PreparedResponse

if TYPE_CHECKING:
    from twistedsite.http.connection.channel import Channel
    from twistedsite.http.request import Request


class PendingResponse:
    """One request on the short way; for its channel it stands in the place of a Request that has not begun to answer.

    Set `when_gone` to what is to be called when there is no client any more.
    """

    __slots__ = ("_channel", "head", "when_gone")

    authenticated: Final = ""
    startedWriting: Final = 0  # noqa: N815 - as a Request calls it
    code: Final = 200
    sentLength: Final = 0  # noqa: N815 - as a Request calls it

    def __init__(self, channel: Channel, head: RequestHead) -> None:
        self._channel: Channel | None = channel
        self.head = head
        self.when_gone: Callable[[], object] | None = None

    @property
    def ends(self) -> EndsText | None:
        """The ends of the connection; None where it is lost."""
        return None if self._channel is None else self._channel.ends

    def answer(self, response: PreparedResponse) -> None:
        """Send the whole answer. Where the client has gone, nothing happens."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.answer_pending(self.head, response)

    def request(self) -> Request | None:
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
