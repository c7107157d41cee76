"""Background requests to other servers: to public addresses only, unless the settings allow private ones too.

The host name is resolved here, each of its addresses is checked, and the connection goes to a checked address. So a
name whose address changes in between leads nowhere else. Redirects are not followed.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Final, cast

from treq.client import HTTPClient
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolFactory,
    IResolutionReceiver,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import optionsForClientTLS
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from twistedsite.scripts.messages.background import BackgroundCall
from twistedsite.settings.server import BackgroundSettings

_TRIES: Final = 3
"""Most addresses of one name that are tried."""
_NOT_PUBLIC: Final = tuple(
    ipaddress.IPv6Network(network)
    for network in ("::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "3fff::/20", "5f00::/16")
)
"""What Python takes for global. IPv4-compatible and IPv4-translated addresses (RFC 4291, 2.5.5.1; RFC 7915), local-use
translation (RFC 8215), documentation (RFC 9637), segment routing (RFC 9602)."""
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
"""An address in it means the IPv4 address in its last 32 bits (RFC 6052, 2.1)."""


class ForbiddenAddressError(Exception):
    """A name or address that background requests may not go to."""


class BackgroundClient:
    """Sends requests to other servers."""

    def __init__(self, settings: BackgroundSettings, reactor: Any) -> None:
        self._settings = settings
        self._agent = Agent.usingEndpointFactory(reactor, _Endpoints(settings, reactor))

    def send(self, call: BackgroundCall) -> Deferred[None]:
        """Send `call`. The Deferred fires when its answer has been received and dropped, or fails."""
        return ensureDeferred(self._send(call))

    async def _send(self, call: BackgroundCall) -> None:
        # One client for each call: treq's has a cookie jar, and nothing may pass from one site to another.
        client = HTTPClient(self._agent)
        content = call.content
        headers = Headers({"User-Agent": ["twistedsite"]})
        if content is not None:
            headers.setRawHeaders("Content-Type", ["application/x-www-form-urlencoded"])
        response: Any = await client.request(
            call.method, call.target, headers=headers, data=content, allow_redirects=False, unbuffered=True
        )
        # The innermost response: the others would decompress a body that is dropped, possibly into a huge one.
        while (inner := getattr(response, "original", None)) is not None:
            response = inner
        ending: Deferred[None] = Deferred(lambda _: receiver.stop())
        receiver = _DroppingReceiver(self._settings.response, ending)
        response.deliverBody(receiver)
        await ending


class _DroppingReceiver(Protocol):
    """Receives a response's body, up to `limit` bytes, and drops it."""

    def __init__(self, limit: int, ending: Deferred[None]) -> None:
        self._left = limit
        self._ending = ending

    def stop(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self.stop()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._ending.called:
            self._ending.callback(None)


@implementer(IAgentEndpointFactory)
class _Endpoints:
    def __init__(self, settings: BackgroundSettings, reactor: Any) -> None:
        self._settings = settings
        self._reactor = reactor

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        host = uri.host.decode("ascii")
        endpoint = _CheckedEndpoint(host.strip("[]"), uri.port, self._settings, self._reactor)
        if uri.scheme == b"https":
            return wrapClientTLS(optionsForClientTLS(host), endpoint)
        return endpoint


@implementer(IStreamClientEndpoint)
class _CheckedEndpoint:
    def __init__(self, host: str, port: int, settings: BackgroundSettings, reactor: Any) -> None:
        self._host = host
        self._port = port
        self._settings = settings
        self._reactor = reactor

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        return ensureDeferred(self._connect(factory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        # Otherwise each connection is logged in two lines.
        cast(Any, factory).noisy = False
        receiver = _Addresses()
        self._reactor.nameResolver.resolveHostName(receiver, self._host, self._port)
        addresses = await receiver.resolved
        if not addresses:
            raise ConnectError(string=f"{self._host} has no address")
        if not self._settings.private:
            for address in addresses:
                if not is_public(address):
                    raise ForbiddenAddressError(f"{self._host} is {address}, which is no public address")
        problem: Exception = ConnectError()
        for address in addresses[:_TRIES]:
            kind = TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
            try:
                return await kind(self._reactor, address, self._port, timeout=float(self._settings.connect)).connect(
                    factory
                )
            except ConnectError as error:
                problem = error
        raise problem


@implementer(IResolutionReceiver)
class _Addresses:
    """Collects the addresses of a name."""

    def __init__(self) -> None:
        self.resolved: Deferred[list[str]] = Deferred()
        self._found: list[str] = []

    def resolutionBegan(self, resolutionInProgress: Any) -> None:
        pass

    def addressResolved(self, address: IAddress) -> None:
        self._found.append(address.host)  # type: ignore[attr-defined]  # IPv4Address or IPv6Address

    def resolutionComplete(self) -> None:
        if not self.resolved.called:
            self.resolved.callback(list(dict.fromkeys(self._found)))


def is_public(text: str) -> bool:
    """Whether `text`, and the IPv4 address in it if any, is a public unicast address (RFC 6890)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if address.is_site_local or any(address in network for network in _NOT_PUBLIC):
            return False
    return address.is_global and not address.is_multicast
