"""A server in a process of its own, to be attacked: `python attacked_server.py DESCRIPTORS` tells its port."""

from __future__ import annotations

import resource
import sys
import tempfile

from twisted.internet import reactor
from twisted.internet.error import ConnectionLost
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from twistedsite.http.connection.body import ContentLimits
from twistedsite.http.request import Request
from twistedsite.http.site import Site
from twistedsite.settings.server import HttpLimits
from twistedsite.settings.units import Duration

BIG = 10_000_000
LIMITS = HttpLimits(
    connections_per_peer=20_000, header_deadline=Duration(3), body_idle=Duration(3), keep_alive=Duration(600)
)


class Page(Resource):
    """A short page, a long file at `/big`, and nothing for those who post."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the server runs
        self.file.truncate(BIG)

    def render_GET(self, request: Request) -> bytes | int:
        if request.path != b"/big":
            return b"hello"
        request.setHeader(b"content-length", b"%d" % BIG)
        sent = request.send_file(self.file.fileno(), 0, BIG)
        sent.addCallback(lambda _: request.finish())
        sent.addErrback(lambda failure: failure.trap(ConnectionLost))
        return NOT_DONE_YET

    def render_POST(self, request: Request) -> bytes:
        return b""


def main() -> None:
    descriptors = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    site = Site(Page(), limits=LIMITS, content_limits=ContentLimits(1_000_000).for_any, reactor=reactor)
    listening = reactor.listenTCP(0, site, interface="127.0.0.1", backlog=1024)
    sys.stdout.write(f"{listening.getHost().port}\n")
    sys.stdout.flush()
    reactor.run()


if __name__ == "__main__":
    main()
