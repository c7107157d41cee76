"""A script or template: hands the request to the site's runner, and the runner's answer to the client."""

from __future__ import annotations

from functools import partial
from typing import BinaryIO, ClassVar, Final, NoReturn, cast

from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from twistedsite.http.connection.info import ConnectionInfo, connection_info
from twistedsite.http.connection.pending import PendingResponse
from twistedsite.http.message.head import HeadText, RequestHead
from twistedsite.http.request import EngineRequest
from twistedsite.origins.interface import Entry, Kind, Origin, Path
from twistedsite.pages.render import broken_off
from twistedsite.resources.kinds.direct import PendingSink, PreparedHeads
from twistedsite.resources.kinds.internal import InternalRequest
from twistedsite.resources.kinds.sink import RequestSink
from twistedsite.resources.site.base import SiteResource
from twistedsite.resources.site.context import SiteContext
from twistedsite.resources.site.error import HttpProblem
from twistedsite.scripts.messages.imports import ImportSettings
from twistedsite.scripts.messages.request import FormBounds, ScriptRequest
from twistedsite.scripts.runners.interface import (
    RunnerBusyError,
    ScriptCrashedError,
    ScriptError,
    ScriptFailedError,
    ScriptGoneError,
    ScriptRefusedError,
    ScriptTimeoutError,
)
from twistedsite.settings.folder import FolderSettings

_DEFAULT_FIELDS: Final = (
    (b"cache-control", b"private, max-age=0, must-revalidate"),
    (b"x-content-type-options", b"nosniff"),
)
"""Sent with every answer of a script that does not set them itself; names in lower case."""
_NOT_HERE: Final = "The files of this site are not on this server's disk, so its scripts cannot run here."

_STATUS: Final = {ScriptFailedError: 500, ScriptCrashedError: 502, ScriptTimeoutError: 504}


class ScriptResource(SiteResource):
    """The script or template `entry`, run in `dialect`. One object may answer many requests."""

    methods: ClassVar[tuple[bytes, ...]] = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS")

    def __init__(
        self,
        site: SiteContext,
        entry: Entry,
        folder: FolderSettings,
        dialect: str,
        script_path: Path,
        path_info: str = "",
        *,
        is_handler: bool = False,
    ) -> None:
        """`script_path` is the part of the URL path that names the script, and `path_info` what comes after it.

        `is_handler`: it answers for a whole folder. Raises HttpProblem where the site's files are not on this disk.
        """
        super().__init__(site, entry, folder)
        root, filename = _local(site.origin, Entry((), Kind.FOLDER)).rstrip("/"), _local(site.origin, entry)
        self._url_path = "/".join(("", *script_path))
        own = ((name.lower().encode(), value.encode()) for name, value in folder.headers.items())
        self._fields = {**dict(_DEFAULT_FIELDS), **dict(own)}
        self._private = folder.auth is not None
        self.prepared = PreparedHeads(self._fields, site.settings.compression.smallest)
        self._same = ScriptRequest(
            root=root,
            script=entry.path,
            filename=filename,
            version=entry.version,
            dialect=dialect,
            path_info=path_info,
            timeout=float(folder.timeout),
            debug=folder.debug,
            autoreload=folder.autoreload,
            options=folder.options,
            handler="/".join(entry.path) if is_handler else "",
            imports=_imports(folder, root),
            form_limits=FormBounds.of(site.settings.forms),
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
        body = cast(BinaryIO, request.content)
        sink = self.sink(request)
        running = self.site.runner.run(self.script_request(request), body, sink)
        running.addErrback(self._explain_to, request, sink)
        return running

    def _explain_to(self, failure: Failure, request: Request, sink: RequestSink) -> None:
        try:
            self.explain(failure)
        except HttpProblem as problem:
            if not request.startedWriting:
                raise
            self.break_off(sink, problem)

    def break_off(self, sink: RequestSink, problem: HttpProblem) -> None:
        """End the answer that `sink` has begun with what `problem` is."""
        report = problem.report if self.folder.debug else None
        sink.break_off(partial(broken_off, problem.status, problem.reference, report), complete=report is not None)

    def sink(self, request: Request) -> RequestSink:
        """What takes the script's answer to `request`."""
        site = self.site
        return RequestSink(request, self._fields, site.settings.compression, site.services.background, self._private)

    def answer_pending(self, pending: PendingResponse) -> None:
        """Run the script for a request that has no Request object."""
        info = pending.info
        if info is not None:
            PendingSink(self, pending, self._script_request(pending.head.text, info, self._url_path))

    def script_request(self, request: Request) -> ScriptRequest:
        """Return what the script gets of `request`."""
        text = request.head.text if isinstance(request, EngineRequest) else _text_of(request)
        info = connection_info(request.getClientAddress(), request.getHost(), secure=request.isSecure())
        mounted = [segment.decode("utf-8", "replace") for segment in request.prepath or ()]
        mount = "/".join(("", *mounted)) if mounted else ""
        made = self._script_request(text, info, mount + self._url_path)
        made.mount = mount
        made.depth = request.depth if isinstance(request, InternalRequest) else 0
        if user := getattr(request, "authenticated", ""):
            made.user, made.auth_type = user, "Basic"
        return made

    def _script_request(self, text: HeadText, info: ConnectionInfo, script_name: str) -> ScriptRequest:
        return replace(
            self._same,
            method=text.method,
            target=text.target,
            query=text.query,
            protocol=text.protocol,
            headers=text.headers,
            host=text.host,
            script_name=script_name,
            client=info.client,
            client_port=info.client_port,
            server_name=text.host_name or info.server,
            server_port=info.server_port,
            scheme=info.scheme,
        )

    def explain(self, failure: Failure) -> NoReturn:
        """Raise the HttpProblem that a runner's failure is, and log it."""
        if isinstance(failure.value, ScriptError):
            raise problem_of(failure.value, self.entry, self._log) from None
        failure.raiseException()


def problem_of(error: ScriptError, script: Entry, log: Logger) -> HttpProblem:
    """What is answered where `script` did not end well; what went wrong goes into `log`."""
    match error:
        case RunnerBusyError():
            problem = HttpProblem(503, headers={b"retry-after": b"%d" % error.retry_after})
        case ScriptGoneError():
            return HttpProblem(404)
        case ScriptRefusedError():
            allow = ", ".join(error.allow).encode("ascii")
            return HttpProblem(error.status, str(error), headers={b"allow": allow} if allow else None)
        case _:
            problem = HttpProblem(_STATUS.get(type(error), 500), report=error.report)
    log.error(
        "{script}: {status} {message} (reference {reference}){trace}",
        script="/".join(script.path),
        status=problem.status,
        message=str(error),
        reference=problem.reference,
        trace="\n" + error.report.text() if error.report else "",
    )
    return problem


def _local(origin: Origin, entry: Entry) -> str:
    path = origin.local_path(entry)
    if path is None:
        raise HttpProblem(501, _NOT_HERE)
    return path


def _imports(folder: FolderSettings, root: str) -> ImportSettings:
    """Where scripts find modules under the settings of `folder`, in the site at `root` on this machine."""

    def local(*segments: str) -> str:
        return "/".join((root, *segments))

    pythonpath = folder.pythonpath
    return ImportSettings(
        interpreter=folder.interpreter,
        root=root if folder.interpreter else "",
        interpreter_folder=local(*folder.interpreter_folder) if folder.interpreter and pythonpath is None else "",
        pythonpath=None
        if pythonpath is None
        else tuple(path if path.startswith("/") else local(*filter(None, [path])) for path in pythonpath),
        rootpkg=folder.rootpkg,
        rootpkg_folder=local(*folder.rootpkg_folder) if folder.rootpkg else "",
        shadow_stdlib=folder.shadow_stdlib,
    )


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
