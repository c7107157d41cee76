"""How the parts of a connection see each other: what a channel needs of a request, and a request of its channel.

Types only, so that no two modules have to import each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any, Protocol, TypeAlias

from twisted.internet.interfaces import IAddress, IPullProducer
from twisted.python.failure import Failure

from twistedsite.http.connection.info import ConnectionInfo
from twistedsite.http.message.head import RequestError, RequestHead
from twistedsite.http.message.response import PreparedResponse


class CurrentRequest(Protocol):
    """The request that a channel is answering. The names are those of `twisted.web.http.Request`."""

    head: RequestHead

    @property
    def authenticated(self) -> str:
        """The name of the user that was let in; empty: nobody was asked."""
        ...

    @property
    def startedWriting(self) -> int:  # noqa: N802
        """Not 0: the response has begun."""
        ...

    @property
    def code(self) -> int:
        """The status."""
        ...

    @property
    def sentLength(self) -> int:  # noqa: N802
        """Bytes of content that were sent."""
        ...

    def connectionLost(self, reason: Failure) -> None:
        """There is no client any more."""
        ...


class FullRequest(CurrentRequest, Protocol):
    """A request that the resource tree can answer."""

    def process(self) -> None:
        """Find the resource and let it answer."""
        ...

    def locate(self) -> None:
        """Stand at the root of the tree, before any segment of the path."""
        ...


MakeRequest: TypeAlias = Callable[["Connection", RequestHead, IO[bytes] | None], FullRequest]
"""Makes the request of a connection, with its content."""


class ResponseLog(Protocol):
    """Where connections report to."""

    def response(self, peer: bytes, head: RequestHead, status: int, sent: int, user: str = "") -> None:
        """A response to `user` with `sent` bytes of content has ended."""
        ...

    def refused(self, peer: bytes, head: RequestHead | None, refused: RequestError) -> None:
        """A request was refused before a resource was asked."""
        ...

    def closed(self, peer: bytes, why: str) -> None:
        """A connection was cut off."""
        ...

    def disk_error(self, error: OSError) -> None:
        """The content of a request could not be stored."""
        ...


class Connection(Protocol):
    """A channel, as its current request sees it."""

    engine: Any
    """The `Engine`; here without its type, since it names this protocol."""
    site: Any
    """The factory, a `twisted.web.server.Site`."""
    transport: Any
    socket: Any
    """Where bytes may be sent past the transport; None where they may not."""
    peer: IAddress | None
    peer_name: bytes

    @property
    def info(self) -> ConnectionInfo: ...

    @property
    def may_persist(self) -> bool: ...

    def persist(self, head: RequestHead, persistent: bool) -> bytes: ...

    def make_request(self, head: RequestHead, content: IO[bytes] | None) -> FullRequest: ...

    def answer_pending(self, head: RequestHead, prepared: PreparedResponse) -> None: ...

    def write(self, data: bytes) -> None: ...

    def pending(self) -> int: ...

    def when_writable(self) -> None: ...

    def sent_past_transport(self, count: int) -> None: ...

    def lend_transport(self, producer: IPullProducer) -> None: ...

    def take_transport_back(self) -> None: ...

    def abortConnection(self) -> None: ...


class FileRequest(Protocol):
    """A request whose response is, or contains, a file."""

    channel: Any
    startedWriting: int  # noqa: N815
    chunked: Any
    _encoder: Any

    @property
    def wants_content(self) -> bool: ...

    def write(self, data: bytes) -> None: ...

    def content_sent(self, count: int) -> None: ...

    def registerProducer(self, producer: Any, streaming: bool) -> None: ...

    def unregisterProducer(self) -> None: ...

    def notifyFinish(self) -> Any: ...
