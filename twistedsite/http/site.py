"""The site as a Twisted factory: makes the channel of each connection, and ends them gracefully.

Others make a `Site`, listen with it, and `drain` it at the end; resources see it as `request.site`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.web import http, resource, server

from twistedsite.http.access_log import AccessLog
from twistedsite.http.connection.body import LimitsOfHost
from twistedsite.http.connection.channel import Channel
from twistedsite.http.connection.engine import Engine, QuickAnswer
from twistedsite.http.log import SiteLog
from twistedsite.http.request import Request
from twistedsite.settings.server import HttpLimits


class Site(server.Site):
    """Serves `resource`, any Twisted IResource.

    `content_limits` gives the limits of content that is sent to a host. `quick_answer`: see `QuickAnswer`. `log_hosts`
    lets lines of the access log begin with the request's host. `http2` offers HTTP/2 to clients that come by TLS.
    """

    requestFactory: Any = Request
    displayTracebacks = False

    def __init__(
        self,
        resource: resource.IResource,
        *,
        limits: HttpLimits,
        content_limits: LimitsOfHost,
        reactor: Any,
        quick_answer: QuickAnswer | None = None,
        access_log: AccessLog | None = None,
        log_hosts: bool = False,
        http2: bool = False,
    ) -> None:
        super().__init__(resource, reactor=reactor, parsePOSTFormSubmission=False)
        make_http2 = None
        if http2:
            # Not at the top: h2 is an optional dependency.
            from twistedsite.http.http2 import Http2Connection

            make_http2 = partial(Http2Connection, self)
        self._log = SiteLog(access_log, log_hosts, reactor)
        self.engine = Engine(limits, content_limits, quick_answer, self.requestFactory, make_http2, self._log, reactor)
        """What the connections share."""

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Make the channel of a new connection, or None, which closes it, where there are too many."""
        return Channel(self.engine, self, addr) if self.engine.connections.may_open(addr) else None

    def drain(self, seconds: float) -> Deferred[None]:
        """See `Connections.drain`. Stop listening before."""
        return self.engine.connections.drain(seconds)

    def startFactory(self) -> None:
        """Listening begins."""
        self.engine.connections.draining = False

    def stopFactory(self) -> None:
        """Listening has ended; connections may remain."""

    def acceptableProtocols(self) -> list[bytes]:
        """What is offered by ALPN."""
        return [b"http/1.1"] if self.engine.make_http2 is None else [b"h2", b"http/1.1"]

    def getResourceFor(self, request: Request) -> resource.IResource:
        """Find the resource at the request's path."""
        request.site = self
        request.sitepath = []
        found: resource.IResource = resource.getChildForRequest(self.resource, request)
        return found

    def log(self, request: http.Request) -> None:
        """Log the response to a request of Twisted's own kind; Twisted calls it."""
        self._log.twisted_response(request)
