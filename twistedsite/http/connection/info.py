"""The addresses of a connection. Resources get them through `Request` or `PendingResponse`."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from twisted.internet.interfaces import IAddress, ISSLTransport

from twistedsite.http.message.head import printable


class ConnectionInfo(NamedTuple):
    """Both ends, for scripts. Hosts are empty, ports 0 where there are none, as on a UNIX socket."""

    client: str
    client_port: int
    server: str
    server_port: int
    scheme: str


def connection_info(client: object, server: object, *, secure: bool) -> ConnectionInfo:
    """Both ends in words, of two addresses of Twisted's."""
    return ConnectionInfo(
        getattr(client, "host", None) or "",
        getattr(client, "port", 0),
        getattr(server, "host", None) or "",
        getattr(server, "port", 0),
        "https" if secure else "http",
    )


class InfoMixin:
    """What a channel tells of its connection's ends."""

    transport: Any
    _info: ConnectionInfo | None = None

    def came_from(self, peer: IAddress | None) -> None:
        """The other end is `peer`."""
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
        """Both ends in words; asked of the system once, since they stay the same as long as the connection."""
        if self._info is None:
            self._info = connection_info(self.peer, self.getHost(), secure=self.isSecure())
        return self._info
