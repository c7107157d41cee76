"""A stock Twisted site that answers every request with one problem, or with one listing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest_twisted
from file_site import Answer, NoScripts, exchange
from twisted.internet import threads
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from twistedsite.origins.local import LocalOrigin
from twistedsite.resources.kinds.listing import Listing
from twistedsite.resources.site.context import SiteContext
from twistedsite.resources.site.error import HttpProblem, send_problem
from twistedsite.resources.site.services import Services
from twistedsite.settings.folder import FolderSettings
from twistedsite.settings.server import ServerSettings

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@dataclass
class ProblemSite:
    """`render` answers every request; tests put theirs there."""

    root: Path
    site: SiteContext
    folder: FolderSettings
    render: Callable[[Request], int]
    port: int = 0

    def say(self, **settings: Any) -> None:
        """Change settings of the folder."""
        self.folder = msgspec.structs.replace(self.folder, **settings)

    def lies_in(self, origin: Any) -> None:
        """From now on its files are those of `origin`."""
        self.site = attrs.evolve(self.site, origin=origin)

    def fails_with(self, problem: HttpProblem, before: Callable[[Request], object] = lambda request: None) -> None:
        """From now on every request gets `problem`, after `before` was called with it."""

        def render(request: Request) -> int:
            before(request)
            send_problem(request, problem, self.site, self.folder)
            return NOT_DONE_YET

        self.render = render

    def lists(self, *path: str) -> None:
        """From now on every request gets the listing of the folder at `path`."""

        def render(request: Request) -> int:
            return Listing(self.site, self.site.origin.lookup_many([path])[0], self.folder).render(request)

        self.render = render

    async def ask(self, path: str = "/", method: str = "GET", **fields: str) -> Answer:
        """Ask for `path`; `user_agent="x"` sends the field User-Agent."""
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        return await threads.deferToThread(exchange, self.port, method, path, headers)


class _All(Resource):
    isLeaf = True

    def __init__(self, site: ProblemSite) -> None:
        super().__init__()
        self.problems = site

    def render(self, request: Request) -> int:
        return self.problems.render(request)


@contextlib.contextmanager
def answering(root: Path, reactor: Any) -> Iterator[ProblemSite]:
    """A site over `root` on a port of this machine, by Twisted's own Site; a 404 for everything at first."""
    settings = ServerSettings(root=str(root))
    site = SiteContext("test", settings, LocalOrigin(str(root)), NoScripts(), reactor, Services(settings, reactor))
    problems = ProblemSite(root, site, FolderSettings.of_server(settings), lambda request: NOT_DONE_YET)
    problems.fails_with(HttpProblem(404))
    port = reactor.listenTCP(0, Site(_All(problems)), interface="127.0.0.1")
    problems.port = port.getHost().port
    try:
        yield problems
    finally:
        pytest_twisted.blockon(port.stopListening())
        site.services.stop()
