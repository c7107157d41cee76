"""Sites on real sockets of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted
from serving import Serve
from twisted.web.resource import IResource

from twistedsite.http.connection.body import ContentLimits, MakeBodyCheck
from twistedsite.http.site import Site
from twistedsite.settings.server import HttpLimits


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A function that serves a resource on a free port of 127.0.0.1, and returns the Site and the port."""
    from twisted.internet import reactor

    ports: list[Any] = []
    sites: list[Site] = []

    def start(
        resource: IResource, max_body: int = 1024 * 1024, check_body: MakeBodyCheck | None = None, **settings: Any
    ) -> tuple[Site, int]:
        content_limits = ContentLimits(max_body, check_body).for_any
        settings = {"limits": HttpLimits(), "content_limits": content_limits, "reactor": reactor, **settings}
        site = Site(resource, **settings)
        port = reactor.listenTCP(0, site, interface="127.0.0.1")
        ports.append(port)
        sites.append(site)
        return site, port.getHost().port

    yield start
    for port in ports:
        pytest_twisted.blockon(port.stopListening())
    for site in sites:
        pytest_twisted.blockon(site.drain(0))
