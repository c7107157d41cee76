"""The addresses of a connection. Resources get them through `EngineRequest` or `PendingResponse`."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from twisted.internet.interfaces import IAddress, ISSLTransport

from twistedsite.http.message.head import printable


class ConnectionInfo(NamedTuple):
    """The addresses and the scheme, for scripts. On a UNIX socket hosts are empty and ports 0."""

    client: str
    client_port: int
    server: str
    server_port: int
    scheme: str


def connection_info(client: object, server: object, *, secure: bool) -> ConnectionInfo:
    """Return the info of two addresses of Twisted's."""
    return ConnectionInfo(
        getattr(client, "host", None) or "",
        getattr(client, "port", 0),
        getattr(server, "host", None) or "",
        getattr(server, "port", 0),
        "https" if secure else "http",
    )


class InfoMixin:
    """The part of a channel that knows its addresses."""

    transport: Any
    _info: ConnectionInfo | None = None

    def came_from(self, peer: IAddress | None) -> None:
        """Note that the client is at `peer`."""
        self.peer = peer
        self.peer_name = printable(getattr(peer, "host", "-").encode())
        self._info = None

    def getPeer(self) -> IAddress | None:
        return self.peer

    def getHost(self) -> IAddress:
        return cast(IAddress, self.transport.getHost())

    def isSecure(self) -> bool:
        return ISSLTransport.providedBy(self.transport)

    @property
    def info(self) -> ConnectionInfo:
        """The info of this connection. The system is asked once, since it does not change."""
        if self._info is None:
            self._info = connection_info(self.peer, self.getHost(), secure=self.isSecure())
        return self._info
