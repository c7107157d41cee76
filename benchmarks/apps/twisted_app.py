"""Stock twisted.web: `static.File`, a `Resource` that answers on the reactor, and the same pages by `deferToThread`.

Run as `python -m benchmarks.apps.twisted_app PORT`.
"""

# twisted.web is typed only in part.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, FileSystemLoader
from twisted.internet import endpoints, reactor
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from twisted.web.static import File

from benchmarks.apps import pages

Page = Callable[[str], str]
templates = Environment(loader=FileSystemLoader(pages.SITE), autoescape=True)


def table(name: str) -> str:
    return templates.get_template("table.jinja").render(form={"name": name})


class Direct(Resource):
    """Answers on the reactor."""

    isLeaf = True

    def __init__(self, function: Page) -> None:
        super().__init__()
        self.function = function

    def render_GET(self, request: Any) -> Any:
        request.setHeader(b"content-type", b"text/html; charset=utf-8")
        return self.function(request.args[b"name"][0].decode()).encode()


class Threaded(Direct):
    """Answers from the reactor's thread pool."""

    def render_GET(self, request: Any) -> Any:
        def answer(text: str) -> None:
            body = text.encode()
            request.setHeader(b"content-type", b"text/html; charset=utf-8")
            request.setHeader(b"content-length", b"%d" % len(body))
            request.write(body)
            request.finish()

        deferToThread(self.function, request.args[b"name"][0].decode()).addCallbacks(answer, request.processingFailed)
        return NOT_DONE_YET


class QuietSite(Site):
    """A site without access log, as all servers here."""

    def log(self, request: Any) -> None:
        """Write nothing."""


def main(port: int, reactor: Any) -> None:
    """Serve on `port` of the loopback interface until SIGTERM."""
    root: Any = File(pages.SITE)
    root.putChild(b"direct", Direct(pages.hello))
    for function in (pages.hello, pages.page, table):
        root.putChild(function.__name__.encode(), Threaded(function))
    endpoints.serverFromString(reactor, f"tcp:{port}:interface=127.0.0.1").listen(QuietSite(root))
    reactor.run()


if __name__ == "__main__":
    main(int(sys.argv[1]), reactor)
