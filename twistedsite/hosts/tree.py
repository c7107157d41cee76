"""The root of a server with several sites: hands each request to the site of its host."""

from __future__ import annotations

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from twistedsite.hosts.sites import Sites
from twistedsite.http.request import Request as OwnRequest
from twistedsite.resources.error import HttpProblem, send_problem
from twistedsite.resources.health import is_local, send_health_of_sites
from twistedsite.settings.folder import FolderSettings
from twistedsite.settings.server import ServerSettings


class HostTree(Resource):
    """Answers every request, of any host and path. `settings` are the server's."""

    isLeaf = True

    def __init__(self, sites: Sites, settings: ServerSettings) -> None:
        super().__init__()
        self._sites = sites
        self._health = settings.health.encode()
        self._no_site = FolderSettings.of_server(settings)

    def render(self, request: Request) -> int:
        """Answer `request`."""
        sites = self._sites
        if request.path == self._health and is_local(request):
            send_health_of_sites([site.context for site in sites.up], len(sites.known), sites.sandbox, request)
            return NOT_DONE_YET
        site = sites.at(_host(request))
        if site is not None:
            return site.resource.render(request)
        problem = HttpProblem(
            404,
            "This server has no site of this name.",
            advice="Check the address for typing errors. If it is right, ask whoever runs this server.",
        )
        send_problem(request, problem, None, self._no_site)
        return NOT_DONE_YET


def _host(request: Request) -> bytes:
    """The authority of an absolute-form, or else what stands in the Host field (RFC 9112, 3.2.2)."""
    return request.head.host if isinstance(request, OwnRequest) else request.getHeader(b"host") or b""
