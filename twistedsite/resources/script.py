"""A script or template: hands the request to the site's runner, and the runner's answer to the client."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, ClassVar, Final, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.web.http import NO_BODY_CODES
from twisted.web.server import Request
from zope.interface import implementer

from twistedsite.origins.interface import Entry
from twistedsite.resources.base import SiteContext, SiteResource
from twistedsite.resources.error import HttpProblem
from twistedsite.scripts.exchange import ResponseHead, ScriptRequest
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

_FRAMING: Final = frozenset(
    {b"connection", b"content-length", b"date", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
"""Fields that only the server can know (RFC 9110, 7.6.1): a script's are dropped."""

_STATUS: Final = {ScriptFailedError: 500, ScriptCrashedError: 502, ScriptTimeoutError: 504}


class ScriptResource(SiteResource):
    """The script or template `entry`, run in `dialect`."""

    methods: ClassVar[tuple[bytes, ...]] = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS")

    def __init__(self, site: SiteContext, entry: Entry, folder: FolderSettings, dialect: str, place: Place) -> None:
        super().__init__(site, entry, folder)
        self._dialect = dialect
        self._place = place

    async def respond(self, request: Request) -> None:
        """Run the script and send its answer. Raises HttpProblem for every way in which it may fail."""
        sink = RequestSink(request, self.folder.headers)
        body = cast(BinaryIO, request.content)
        try:
            await self.site.runner.run(self.script_request(request), body, sink)
        except ScriptError as error:
            raise self._problem(request, error) from None

    def script_request(self, request: Request) -> ScriptRequest:
        """What the script is told of `request`."""
        query = request.uri.partition(b"?")[2]
        client, host = request.getClientAddress(), request.getHost()
        place = self._place
        named = place.path[: len(place.path) - len(place.rest)]
        rest = "/".join(("", *place.rest)) + ("/" if place.slash else "")
        mounted = [segment.decode("utf-8", "replace") for segment in request.prepath or ()]
        site, folder = self.site, self.folder
        return ScriptRequest(
            root=site.origin.local_path(Entry((), self.entry.kind)).rstrip("/"),
            script=self.entry.path,
            filename=site.origin.local_path(self.entry),
            version=self.entry.version,
            dialect=self._dialect,
            method=request.method.decode("ascii"),
            target=request.uri.decode("latin-1"),
            scheme="https" if request.isSecure() else "http",
            protocol=request.clientproto.decode("ascii"),
            host=(request.getHeader(b"host") or b"").decode("latin-1"),
            server_name=request.getRequestHostname().decode("latin-1"),
            server_port=getattr(host, "port", 0),
            client=getattr(client, "host", None) or "",
            client_port=getattr(client, "port", 0),
            script_name="/".join(("", *mounted, *named)),
            path_info=rest,
            query=query.decode("latin-1"),
            headers=[
                (name.decode("latin-1").lower(), value.decode("latin-1"))
                for name, values in request.requestHeaders.getAllRawHeaders()
                for value in values
            ],
            timeout=folder.timeout,
            debug=folder.debug,
            autoreload=folder.autoreload,
            options=folder.options,
            form_limits=site.settings.forms,
        )

    def _problem(self, request: Request, error: ScriptError) -> HttpProblem:
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


@implementer(IPushProducer)
class RequestSink:
    """Puts a script's answer into a Twisted request. See `ResponseSink`."""

    def __init__(self, request: Request, extra: dict[str, str]) -> None:
        self._request = request
        self._extra = extra
        self._caught_up: Deferred[None] | None = None

    def begin(self, head: ResponseHead) -> None:
        self._send_head(head)
        self._request.registerProducer(self, True)
        self._request.write(b"")

    def write(self, data: bytes) -> None:
        self._request.write(data)

    def end(self, head: ResponseHead | None, body: bytes) -> None:
        request = self._request
        if head is None:
            if body:
                request.write(body)
            request.unregisterProducer()
        else:
            self._send_head(head)
            if head.status not in NO_BODY_CODES:
                request.responseHeaders.setRawHeaders(b"content-length", [b"%d" % len(body)])
                request.write(body if request.method != b"HEAD" else b"")
        request.finish()

    def when_writable(self) -> Deferred[None] | None:
        return self._caught_up

    def pauseProducing(self) -> None:
        if self._caught_up is None:
            self._caught_up = Deferred()

    def resumeProducing(self) -> None:
        caught_up, self._caught_up = self._caught_up, None
        if caught_up is not None:
            caught_up.callback(None)

    def stopProducing(self) -> None:
        self.resumeProducing()

    def _send_head(self, head: ResponseHead) -> None:
        request = self._request
        request.setResponseCode(head.status)
        headers = request.responseHeaders
        own = {name.lower() for name, _ in head.headers}
        headers.setRawHeaders(b"cache-control", [b"private, no-cache"])
        headers.setRawHeaders(b"x-content-type-options", [b"nosniff"])
        for field, text in self._extra.items():
            headers.setRawHeaders(field, [text])
        for name in own:
            headers.removeHeader(name)
        for name, value in head.headers:
            if name.lower() not in _FRAMING:
                headers.addRawHeader(name, value)
