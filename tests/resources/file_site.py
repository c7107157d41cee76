"""A stock Twisted site whose every path is a static file below one folder, and a plain HTTP client for it."""

from __future__ import annotations

import contextlib
import http.client
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest_twisted
from twisted.internet import threads
from twisted.web import server
from twisted.web.http import Request
from twisted.web.resource import Resource

from twistedsite.http.connection.body import ContentLimits
from twistedsite.http.site import Site
from twistedsite.origins.local import LocalOrigin
from twistedsite.origins.lookups import Lookups
from twistedsite.resources.kinds.static import StaticFile
from twistedsite.resources.site.context import SiteContext
from twistedsite.resources.site.services import Services
from twistedsite.settings.folder import FolderSettings
from twistedsite.settings.server import ServerSettings

TWO_DAYS_AGO = 1_600_000_000


class Files(Resource):
    """Looks every path up in the site's origin and answers with a StaticFile."""

    isLeaf = True

    def __init__(self, site: SiteContext, folder: FolderSettings) -> None:
        super().__init__()
        self.site = site
        self.folder = folder

    def render(self, request: Request) -> int:
        path = tuple(segment.decode() for segment in request.postpath)
        found = self.site.origin.lookup_many([path])
        assert isinstance(found, list)
        (entry,) = found
        assert entry is not None
        return StaticFile(self.site, entry, self.folder, Lookups(self.site.origin)).render(request)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class FileSite:
    """The folder, and the port on which its files are served."""

    root: Path
    site: SiteContext
    resource: Files
    port: int

    def write(self, name: str, content: bytes, modified: float = TWO_DAYS_AGO) -> bytes:
        """Make or replace a file; returns `content`."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (modified, modified))
        return content

    def write_sparse(self, name: str, size: int) -> None:
        """Make a file of `size` zero bytes that takes no room on the disk."""
        with (self.root / name).open("wb") as file:
            file.truncate(size)

    def say(self, **settings: Any) -> None:
        """Change settings of the folder."""
        self.resource.folder = msgspec.structs.replace(self.resource.folder, **settings)

    async def ask(self, path: str, method: str = "GET", **fields: str) -> Answer:
        """Ask for `path`; `if_range="x"` sends the field If-Range. Raises http.client's errors for a broken answer."""
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        return await threads.deferToThread(exchange, self.port, method, path, headers)


def exchange(port: int, method: str, path: str, headers: Mapping[str, str]) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, headers=dict(headers))
        response = connection.getresponse()
        received = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, received, response.read())
    finally:
        connection.close()


class NoScripts:
    """A runner that is never asked."""

    def run(self, *_: object) -> Any:
        raise AssertionError

    def health(self) -> dict[str, int]:
        return {}

    def sandbox(self) -> str:
        return ""


@contextlib.contextmanager
def serving(root: Path, reactor: Any, *, engine: bool = False) -> Iterator[FileSite]:
    """The files below `root` on a port of this machine, by Twisted's own Site or by our own engine."""
    settings = ServerSettings(root=str(root))
    site = SiteContext("test", settings, LocalOrigin(str(root)), NoScripts(), reactor, Services(settings, reactor))
    resource = Files(site, FolderSettings.of_server(settings))
    if engine:
        factory: Any = Site(
            resource, limits=settings.http, content_limits=ContentLimits(settings.max_body).for_any, reactor=reactor
        )
    else:
        factory = server.Site(resource)
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    try:
        yield FileSite(root, site, resource, port.getHost().port)
    finally:
        pytest_twisted.blockon(port.stopListening())
        site.services.stop()
