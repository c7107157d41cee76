"""How an error becomes a response: the site's own page, the debug page or the built-in one, in the form asked for.

Everything in the tree raises `HttpProblem`; `SiteResource` hands it to `send_problem`, the one place that answers it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

import msgspec
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request

from twistedsite.http.message.response import PreparedResponse, prepared_head
from twistedsite.origins.lookups import Lookups
from twistedsite.pages.accept import PageForm, error_form
from twistedsite.pages.render import ERROR_CSP, TRACEBACK_CSP, error_page, traceback_page
from twistedsite.pages.texts import explanation, reason
from twistedsite.resources.content.sending import abort
from twistedsite.resources.site.context import SiteContext
from twistedsite.resources.site.own_pages import own_page
from twistedsite.resources.site.summary import summarize
from twistedsite.scripts.messages.failure import FailureReport
from twistedsite.settings.folder import FolderSettings

_MEDIA_TYPES: dict[PageForm, bytes] = {
    "html": b"text/html; charset=utf-8",
    "json": b"application/problem+json",
    "text": b"text/plain; charset=utf-8",
}
_FRAMING = frozenset(("connection", "content-encoding", "content-length", "content-range", "date", "transfer-encoding"))
"""Fields that only the server can know; a folder's `headers` do not touch them."""
_OF_THE_LOST_ANSWER = (b"etag", b"last-modified", b"accept-ranges", b"expires", b"refresh", b"location")

_log = Logger()


class HttpProblem(Exception):  # noqa: N818 - the name of RFC 9457
    """A request that gets an error for an answer.

    `status` is 400 to 599. `detail` is told to the visitor, in place of the status' usual text: it names no path of
    this machine and no secret; `advice` stands in the same way for what to do about it. `headers` are added to the
    answer (`Allow`, `Retry-After`, `WWW-Authenticate`). `report` is shown where the folder is in debug only.
    `reference` is what the visitor can quote and the log shows: unless given a short random id for 5xx, else empty.
    """

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        advice: str = "",
        headers: Mapping[bytes, bytes] | None = None,
        report: FailureReport | None = None,
        reference: str = "",
    ) -> None:
        super().__init__(f"{status} {reason(status)}" + (f": {detail}" if detail else ""))
        self.status = status
        self.detail = detail
        self.advice = advice
        self.headers = dict(headers or {})
        self.report = report
        self.reference = reference or (secrets.token_hex(4) if status >= 500 else "")


KeepPage = Callable[[PageForm, PreparedResponse], None]
"""Is given an error page that depends on nothing but `Accept` and what was looked up, and the form of the page."""


def send_problem(
    request: Request,
    problem: HttpProblem,
    site: SiteContext | None,
    folder: FolderSettings,
    keep: KeepPage | None = None,
    lookups: Lookups | None = None,
) -> None:
    """Answer `request` with `problem`, under the settings of `folder`; nothing is left to do for the caller.

    `site` is None where no site is asked. `keep` is called with what is sent, where others could be sent the same. The
    site's own pages are looked up by `lookups`, if given.
    Where a part of another answer has been sent, the connection is aborted, so that it cannot look complete. Where the
    client has gone, nothing happens.
    """
    if _is_over(request):
        return
    if request.startedWriting:
        abort(request)
        return
    sending = Deferred.fromCoroutine(_answer(request, problem, site, folder, keep, lookups))
    sending.addErrback(_give_up, request)


def _give_up(failure: Failure, request: Request) -> None:
    _log.failure("no error page", failure)
    abort(request)


def add_folder_headers(request: Request, folder: FolderSettings) -> None:
    """Set the `headers` of `folder`, before those that a page of the server's own needs to have its way."""
    for name, value in folder.headers.items():
        if name.lower() not in _FRAMING:
            request.responseHeaders.setRawHeaders(name.encode("latin-1"), [value.encode()])


async def _answer(
    request: Request,
    problem: HttpProblem,
    site: SiteContext | None,
    folder: FolderSettings,
    keep: KeepPage | None,
    lookups: Lookups | None,
) -> None:
    form = error_form(request.getHeader("accept"))
    report = problem.report if folder.debug else None
    own = None
    if site is not None and form == "html" and report is None:
        own = await own_page(problem.status, folder, lookups or Lookups(site.origin), site.name)
    if _is_over(request):
        return
    _clear(request)
    phrase = reason(problem.status).encode("ascii")
    request.setResponseCode(problem.status, phrase)
    said_before = bool(request.cookies) or any(request.responseHeaders.getAllRawHeaders())
    body = own if own is not None else _built_in(request, problem, report, form, has_home=site is not None)
    add_folder_headers(request, folder)
    request.setHeader(b"content-type", _MEDIA_TYPES[form])
    request.setHeader(b"content-length", b"%d" % len(body))
    request.setHeader(b"vary", b"Accept")
    request.setHeader(b"cache-control", b"no-store")
    request.setHeader(b"x-content-type-options", b"nosniff")
    if form == "html" and own is None:
        request.setHeader(b"content-security-policy", ERROR_CSP if report is None else TRACEBACK_CSP)
    for name, value in problem.headers.items():
        request.setHeader(name, value)
    if keep is not None and report is None and not said_before and not problem.headers:
        fields = request.responseHeaders.getAllRawHeaders()
        keep(form, PreparedResponse(prepared_head(problem.status, phrase, fields), body, problem.status))
    if request.method != b"HEAD":
        request.write(body)
    request.finish()


def _is_over(request: Request) -> bool:
    return bool(request.finished or request._disconnected)


def _clear(request: Request) -> None:
    """Take back what was said of the answer that there will not be; cookies and the like stay."""
    request.etag = request.lastModified = None
    for name, _ in list(request.responseHeaders.getAllRawHeaders()):
        if name.lower().startswith(b"content-") or name.lower() in _OF_THE_LOST_ANSWER:
            request.responseHeaders.removeHeader(name)


def _built_in(
    request: Request, problem: HttpProblem, report: FailureReport | None, form: PageForm, *, has_home: bool
) -> bytes:
    status, detail, reference = problem.status, problem.detail, problem.reference
    failed, usual_advice = explanation(status)
    advice = problem.advice or usual_advice
    if form == "html" and report is not None:
        return traceback_page(report, summarize(request), status).encode("utf-8", "replace")
    if form == "html":
        page = error_page(status, reason(status), detail, reference, advice=advice, has_home=has_home)
        return page.encode("utf-8", "replace")
    if form == "json":
        fields: dict[str, object] = {"type": "about:blank", "title": reason(status), "status": status}
        fields["detail"] = _utf8(detail or failed)
        if reference:
            fields["reference"] = reference
        if report is not None:
            fields["traceback"] = _utf8(report.text()).splitlines()
        return msgspec.json.encode(fields) + b"\n"
    lines = [f"{status} {reason(status)}", "", detail or failed, advice]
    if reference:
        lines.append(f"Reference: {reference}")
    if report is not None:
        lines += ["", report.text()]
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
