"""One server as a Twisted service: its sockets, site, threads and sessions, from start to a graceful stop.

Sockets are bound in `privilegedStartService`; all else is opened in `startService`, as the user that serves.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedsite.hosts.registry import settings_registry
from twistedsite.hosts.sites import Sites
from twistedsite.hosts.tree import HostTree
from twistedsite.http.access_log import AccessLog
from twistedsite.http.site import Site
from twistedsite.origins.interface import Origin
from twistedsite.resources.site.server import ServerResources
from twistedsite.scripts.dialects import check_handlers
from twistedsite.sessions.interface import SessionError
from twistedsite.settings.load import SettingsError
from twistedsite.settings.server import ServerSettings
from twistedsite.settings.sites import SiteSettings

_NAMED: Final = 5
"""Sites that are named in a line of the log."""


class StartError(SystemExit, Exception):
    """The server cannot start; the text, which is in the log already, says why, in one line.

    It is an Exception, so that `twistd` tells its parent process and removes its pidfile, and a SystemExit, so that
    the program then ends with status 1 instead of a traceback.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.code = 1


def make_service(
    settings: ServerSettings, reactor: Any, open_origin: Callable[[SiteSettings], Origin] | None = None
) -> ServerService:
    """Return the service that serves `settings.root`, or `settings.sites`, at `settings.listen`.

    `open_origin`: see `ServerResources`.
    Raises SettingsError for an endpoint that `reactor` cannot make, for HTTP/2 where its library is missing, and for
    `extensions` that name what there is not.
    """
    check_handlers(settings.extensions, "")
    if settings.http2 and importlib.util.find_spec("h2") is None:
        raise SettingsError("", "http2", "expected the library for it: pip install 'twistedsite[http2]'")
    endpoints = [(text, _endpoint(text, reactor)) for text in settings.listen]
    return ServerService(settings, endpoints, reactor, open_origin)


def _endpoint(text: str, reactor: Any) -> IStreamServerEndpoint:
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, text)
    except Exception as error:  # endpoint parsers of plugins raise what they like
        problem = f"expected an endpoint such as tcp:8080:interface=127.0.0.1, got {text!r} ({error})"
        raise SettingsError("", "listen", problem) from None
    return endpoint


class ServerService(Service):
    """Serves one folder, or several sites, until it is stopped. Use `make_service`."""

    name = "scriptsite"
    _log = Logger()

    def __init__(
        self,
        settings: ServerSettings,
        endpoints: list[tuple[str, IStreamServerEndpoint]],
        reactor: Any,
        open_origin: Callable[[SiteSettings], Origin] | None,
    ) -> None:
        self.settings = settings
        self.ports: list[IListeningPort] = []
        """What is bound, in the order of `settings.listen`."""
        self._endpoints = endpoints
        self._reactor = reactor
        self._open_origin = open_origin
        self._site: Site | None = None

    def privilegedStartService(self) -> None:
        """Bind every endpoint; raises StartError for the first one that cannot be bound."""
        settings = self.settings
        self._access_log = None if settings.access_log == "off" else AccessLog(settings.access_log, self._reactor)
        shared = ServerResources(settings, self._reactor, self._open_origin)
        self._sites = Sites(settings_registry(settings), shared)
        self._site = Site(
            HostTree(self._sites, settings),
            limits=settings.http,
            content_limits=self._sites.content_limits,
            reactor=self._reactor,
            quick_answer=self._sites.quick_answer,
            access_log=self._access_log,
            log_hosts=bool(settings.sites),
            http2=settings.http2,
        )
        self._site.noisy = False
        for text, endpoint in self._endpoints:
            failures: list[Failure] = []
            endpoint.listen(self._site).addCallbacks(self.ports.append, failures.append)
            if failures:
                Deferred.fromCoroutine(self._stop_listening())
                raise self._start_error(_why_not(text, failures[0]))

    def startService(self) -> None:
        """Open sessions and threads and begin to serve; raises StartError where that is impossible."""
        super().startService()
        if self._site is None:
            self.privilegedStartService()
        try:
            if self.settings.access_log not in ("-", "off"):
                _try_to_append(self.settings.access_log)
            self._sites.open()
        except (SettingsError, SessionError, OSError) as error:
            Deferred.fromCoroutine(self._stop_listening())
            raise self._start_error(str(error)) from None
        urls = [_url(text, port.getHost()) for (text, _), port in zip(self._endpoints, self.ports, strict=False)]
        self._log.info("{mode}", mode=_mode(self.settings))
        self._log.info("{what} at {urls}", what=_what(self.settings), urls=" and ".join(urls))

    def _start_error(self, why: str) -> StartError:
        self._log.critical("{why}", why=why)
        return StartError(why)

    def stopService(self) -> Deferred[None]:
        """Stop listening, let requests in flight end for `settings.drain` seconds, then close everything."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        site, self._site = self._site, None
        assert site is not None
        await self._stop_listening()
        await site.drain(self.settings.drain)
        self._sites.stop()
        if self._access_log:
            self._access_log.close()

    async def _stop_listening(self) -> None:
        ports, self.ports = self.ports, []
        for stopped in [port.stopListening() for port in ports]:
            if stopped is not None:
                await stopped


def _try_to_append(path: str) -> None:
    try:
        with open(path, "ab"):
            return
    except OSError as error:
        raise SettingsError("access_log", "", f"{path}: {error.strerror}") from None


def _why_not(endpoint: str, failure: Failure) -> str:
    error: BaseException | None = failure.value
    if isinstance(error, CannotListenError):
        error = error.socketError
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"cannot listen on {endpoint}: {reason}; say with --listen where else"


def _url(endpoint: str, address: IAddress) -> str:
    if isinstance(address, UNIXAddress):
        return f"unix:{os.fsdecode(address.name or b'')}"
    scheme = "https" if endpoint.startswith(("ssl:", "tls:")) else "http"
    if not isinstance(address, IPv4Address | IPv6Address):
        return endpoint
    host = {"0.0.0.0": "localhost", "::": "localhost"}.get(address.host, address.host)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{address.port}/"


def _what(settings: ServerSettings) -> str:
    """What is served, in one line, however many sites there are."""
    if not settings.sites:
        return f"Serving {settings.root}"
    sites = settings.sites
    parts = []
    for isolation, where in (("workers", "with scripts in processes"), ("threads", "with scripts in threads")):
        if names := [name for name, site in sites.items() if site.isolation == isolation]:
            parts.append(f"{where}: {_few(names)}")
    if debug := [name for name, site in sites.items() if site.debug is True]:
        parts.append(f"in debug mode: {_few(debug)}")
    if settings.root:
        parts.append(f"for other hosts: {settings.root}")
    return f"Serving {len(sites)} {'site' if len(sites) == 1 else 'sites'} ({'; '.join(parts)})"


def _few(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _mode(settings: ServerSettings) -> str:
    scripts = "" if settings.scripts else "; scripts are not run"
    if settings.debug:
        return f"Debug mode: the browser shows where and why a script failed{scripts}"
    return f"Public mode: visitors are told nothing about errors but an id that is also in this log{scripts}"
