"""A script or template: hands the request to the site's runner, and the runner's answer to the client."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Final, NoReturn, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.server import Request

from twistedsite.http.head import HeadText, RequestHead
from twistedsite.http.request import Request as OwnRequest
from twistedsite.origins.interface import Entry
from twistedsite.resources.base import SiteContext, SiteResource
from twistedsite.resources.error import HttpProblem
from twistedsite.resources.sink import RequestSink
from twistedsite.scripts.exchange import ScriptRequest
from twistedsite.scripts.runners import (
    RunnerBusyError,
    ScriptCrashedError,
    ScriptError,
    ScriptFailedError,
    ScriptGoneError,
    ScriptRefusedError,
    ScriptTimeoutError,
)
from twistedsite.settings.folder import FolderSettings

if TYPE_CHECKING:
    from twistedsite.resources.place import Place

_DEFAULT_FIELDS: Final = (
    (b"cache-control", b"private, max-age=0, must-revalidate"),
    (b"x-content-type-options", b"nosniff"),
)
"""Sent with every answer of a script that does not set them itself; names in lower case."""

_STATUS: Final = {ScriptFailedError: 500, ScriptCrashedError: 502, ScriptTimeoutError: 504}


class ScriptResource(SiteResource):
    """The script or template `entry`, run in `dialect`. One object may answer many requests."""

    methods: ClassVar[tuple[bytes, ...]] = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS")

    def __init__(self, site: SiteContext, entry: Entry, folder: FolderSettings, dialect: str, place: Place) -> None:
        super().__init__(site, entry, folder)
        named = place.path[: len(place.path) - len(place.rest)]
        self._url_path = "/".join(("", *named))
        own = ((name.lower().encode(), value.encode()) for name, value in folder.headers.items())
        self._fields = {**dict(_DEFAULT_FIELDS), **dict(own)}
        self._same = ScriptRequest(
            root=site.origin.local_path(Entry((), entry.kind)).rstrip("/"),
            script=entry.path,
            filename=site.origin.local_path(entry),
            version=entry.version,
            dialect=dialect,
            path_info="/".join(("", *place.rest)) + ("/" if place.slash else ""),
            timeout=folder.timeout,
            debug=folder.debug,
            autoreload=folder.autoreload,
            options=folder.options,
            form_limits=site.settings.forms,
            writable=folder.writable,
        )
        """What is the same in every request to this script."""

    def begin(self, request: Request) -> Deferred[None]:
        """Run the script, with no coroutine in between."""
        return self._run(request) if request.method in self.methods else super().begin(request)

    async def respond(self, request: Request) -> None:
        """Run the script and send its answer. Raises HttpProblem for every way in which it may fail."""
        await self._run(request)

    def _run(self, request: Request) -> Deferred[None]:
        sink = RequestSink(request, self._fields, self.site.settings.compression, self.site.delivery.background)
        running = self.site.runner.run(self.script_request(request), cast(BinaryIO, request.content), sink)
        running.addErrback(self._explain)
        return running

    def script_request(self, request: Request) -> ScriptRequest:
        """What the script is told of `request`."""
        told = copy.copy(self._same)
        text = request.head.text if isinstance(request, OwnRequest) else _text_of(request)
        told.method, told.target, told.query = text.method, text.target, text.query
        told.protocol, told.headers, told.host = text.protocol, text.headers, text.host
        told.script_name = self._url_path
        if request.prepath:
            mounted = [segment.decode("utf-8", "replace") for segment in request.prepath]
            told.script_name = "/".join(("", *mounted)) + self._url_path
        told.scheme = "https" if request.isSecure() else "http"
        client, server = request.getClientAddress(), request.getHost()
        told.server_port = getattr(server, "port", 0)
        told.server_name = text.host_name or getattr(server, "host", "")
        told.client = getattr(client, "host", None) or ""
        told.client_port = getattr(client, "port", 0)
        return told

    def _explain(self, failure: Failure) -> NoReturn:
        if isinstance(failure.value, ScriptError):
            raise self._problem(failure.value) from None
        failure.raiseException()

    def _problem(self, error: ScriptError) -> HttpProblem:
        match error:
            case RunnerBusyError():
                problem = HttpProblem(503, headers={b"retry-after": b"%d" % error.retry_after})
            case ScriptGoneError():
                return HttpProblem(404)
            case ScriptRefusedError():
                return HttpProblem(error.status, str(error))
            case _:
                problem = HttpProblem(_STATUS.get(type(error), 500), report=error.report)
        self._log.error(
            "{script}: {status} {message} (reference {reference}){trace}",
            script="/".join(self.entry.path),
            status=problem.status,
            message=str(error),
            reference=problem.reference,
            trace="\n" + error.report.text() if error.report else "",
        )
        return problem


def _text_of(request: Request) -> HeadText:
    """The head of a request that another server's Site has parsed."""
    fields = tuple((name, v) for name, values in request.requestHeaders.getAllRawHeaders() for v in values)
    host = request.getHeader(b"host") or b""
    return RequestHead(
        method=request.method,
        target=request.uri,
        version=request.clientproto,
        headers=fields,
        host=host,
        path=request.path,
        query=None,
        keep_alive=False,
        content_length=0,
        chunked=False,
        expect=b"",
        size=0,
    ).text
