"""The root of a server: hands each request to the site of its host."""

from __future__ import annotations

from typing import Final

from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from twistedsite.hosts.sites import Sites
from twistedsite.http.request import EngineRequest
from twistedsite.resources.kinds.health import is_local, send_health_of_sites
from twistedsite.resources.site.error import HttpProblem, send_problem
from twistedsite.sessions.interface import SessionError
from twistedsite.settings.folder import FolderSettings
from twistedsite.settings.load import SettingsError
from twistedsite.settings.server import ServerSettings

_NO_SITE: Final = "This server has no site of this name."
_ADVICE: Final = "Check the address for typing errors. If it is right, ask whoever runs this server."


class HostTree(Resource):
    """Answers every request, of any host and path. `settings` are the server's."""

    isLeaf = True
    _log = Logger()

    def __init__(self, sites: Sites, settings: ServerSettings) -> None:
        super().__init__()
        self._sites = sites
        # Where there is one site, its own health document tells all.
        self._health = settings.health.encode() if settings.sites else None
        self._no_site = FolderSettings.of_server(settings)

    def render(self, request: Request) -> int:
        """Answer `request`."""
        sites = self._sites
        if request.path == self._health and is_local(request):
            up = [(site.context, site.uid) for site in sites.up]
            send_health_of_sites(up, len(sites.known), sites.sandbox, request)
            return NOT_DONE_YET
        try:
            site = sites.at(_host(request))
        except (SettingsError, SessionError, OSError) as error:
            problem = HttpProblem(500)
            self._log.error(
                "{host}: the site cannot be made ready: {error} (reference {reference})",
                host=_host(request).decode("latin-1"),
                error=error,
                reference=problem.reference,
            )
        else:
            if site is not None:
                return site.resource.render(request)
            problem = HttpProblem(404, _NO_SITE, advice=_ADVICE)
        send_problem(request, problem, None, self._no_site)
        return NOT_DONE_YET


def _host(request: Request) -> bytes:
    """The authority of an absolute-form, or else what stands in the Host field (RFC 9112, 3.2.2)."""
    return request.head.host if isinstance(request, EngineRequest) else request.getHeader(b"host") or b""
