"""What every resource of a site shares: its place, its methods, and how an error becomes a response.

A subclass writes `respond`, a coroutine that sends the whole answer; it raises `HttpProblem` for anything else.
"""

from __future__ import annotations

import functools
from typing import ClassVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import resource
from twisted.web.server import NOT_DONE_YET, Request

from twistedsite.origins.interface import Entry, OriginError
from twistedsite.resources.site.context import SiteContext
from twistedsite.resources.site.error import HttpProblem, send_problem
from twistedsite.settings.folder import FolderSettings

KNOWN_METHODS = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"})


class SiteResource(resource.Resource):
    """A resource at one entry of a site, under the settings of its folder."""

    isLeaf = True
    methods: ClassVar[tuple[bytes, ...]] = (b"GET", b"HEAD")
    """The methods that it answers; OPTIONS is answered for all."""

    _log = Logger()

    def __init__(self, site: SiteContext, entry: Entry, folder: FolderSettings) -> None:
        super().__init__()
        self.site = site
        self.entry = entry
        self.folder = folder

    async def respond(self, request: Request) -> None:
        """Send the whole answer and finish `request`; raise HttpProblem instead where there is none."""
        raise NotImplementedError

    def render(self, request: Request) -> int:
        """Answer `request` by `respond`; a client that goes away cancels it."""
        answer = self.begin(request)
        gone = request.notifyFinish()
        gone.addErrback(lambda _: answer.cancel())
        answer.addErrback(functools.partial(self.failed, request))
        return NOT_DONE_YET

    def begin(self, request: Request) -> Deferred[None]:
        """`answer` as a Deferred; a resource that needs no coroutine to answer may have a shorter way."""
        return Deferred.fromCoroutine(self.answer(request))

    async def answer(self, request: Request) -> None:
        """`respond`, after the method has been checked (RFC 9110, 15.5.6 and 15.6.2)."""
        method = request.method
        if method in self.methods:
            return await self.respond(request)
        allow = b", ".join((*self.methods, b"OPTIONS"))
        if method == b"OPTIONS":
            request.setResponseCode(204)
            request.setHeader(b"allow", allow)
            request.finish()
            return None
        if method in KNOWN_METHODS or method == b"TRACE":
            raise HttpProblem(405, headers={b"allow": allow})
        raise HttpProblem(501)

    def unreadable(self) -> HttpProblem:
        """The answer where the server may not read the entry. The log says so, as its owner can change that."""
        self._log.warn("/{path}: 403, the server may not read it", path="/".join(self.entry.path))
        return HttpProblem(403)

    def failed(self, request: Request, failure: Failure) -> None:
        """Answer `request` with the error that `failure` is; nothing where the client has gone."""
        if failure.check(CancelledError) or request._disconnected:
            return
        error = failure.value
        if isinstance(error, HttpProblem):
            problem = error
        elif isinstance(error, OriginError):
            problem = HttpProblem(503)
            self._log.error(
                "{path}: the site's files cannot be reached: {error} (reference {reference})",
                path=request.path,
                error=error,
                reference=problem.reference,
            )
        else:
            problem = HttpProblem(500)
            self._log.failure(
                "{path}: no answer (reference {reference})",
                failure=failure,
                path=request.path,
                reference=problem.reference,
            )
        send_problem(request, problem, self.site, self.folder)
