"""The built-in pages as functions from data to a whole HTML document, with its Content-Security-Policy.

Templates are compiled once, and autoescape is always on. A page loads no other file: its style is inline, and the
policy has the hash of it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Protocol

import jinja2
import msgspec
from markupsafe import Markup, escape

from twistedsite.pages.listing import ListingPage, Row
from twistedsite.pages.texts import explanation

_environment = jinja2.Environment(
    loader=jinja2.PackageLoader("twistedsite.pages"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


class Frame(Protocol):
    """One call of a traceback (scripts.failures.FrameReport)."""

    @property
    def filename(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def function(self) -> str: ...
    @property
    def in_site(self) -> bool: ...
    @property
    def source(self) -> Sequence[tuple[int, str]]: ...
    @property
    def locals(self) -> Sequence[tuple[str, str]]: ...


class Report(Protocol):
    """Why and where a script failed (scripts.failures.FailureReport)."""

    @property
    def type(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def frames(self) -> Sequence[Frame]: ...
    @property
    def notes(self) -> Sequence[str]: ...
    def text(self) -> str: ...


class RequestSummary(msgspec.Struct, kw_only=True):
    """The request as the debug page shows it. Its secrets are redacted already."""

    method: str
    target: str
    protocol: str
    headers: list[tuple[str, str]]
    query: list[tuple[str, str]]
    form: list[tuple[str, str]]


def _style(*names: str) -> Markup:
    folder = resources.files("twistedsite.pages") / "styles"
    return Markup("\n".join((folder / f"{name}.css").read_text("utf-8") for name in names))


def _policy(style: str, *rules: str) -> bytes:
    """The Content-Security-Policy of `rules`, in which `{style}` stands for the inline style."""
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    return "; ".join(rules).format(style=f"'sha256-{digest}'").encode("ascii")


_ERROR_STYLE = _style("base", "error")
_TRACEBACK_STYLE = _style("base", "traceback")
_LISTING_STYLE = _style("base", "listing")
_MARKDOWN_STYLE = _style("base", "markdown")

_STRICT = ("default-src 'none'", "style-src {style}", "base-uri 'none'", "form-action 'none'")
ERROR_CSP = _policy(_ERROR_STYLE, *_STRICT, "frame-ancestors 'self'")
TRACEBACK_CSP = _policy(_TRACEBACK_STYLE, *_STRICT, "frame-ancestors 'none'")
LISTING_CSP = _policy(_LISTING_STYLE, *_STRICT, "img-src 'self'", "frame-ancestors 'self'")
MARKDOWN_CSP = _policy(
    _MARKDOWN_STYLE,
    "default-src 'self'",
    "style-src 'self' {style}",
    "img-src * data:",
    "media-src *",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'self'",
)
"""A Markdown file may hold the HTML of its author: pictures come from anywhere, scripts from files of the site."""

_error = _environment.get_template("error.html")
_broken_off = _environment.get_template("broken_off.html")
_traceback = _environment.get_template("traceback.html")
_listing = _environment.get_template("listing.html")
_markdown = _environment.get_template("markdown.html")

_NO_ADDRESS = '<span title="No address can hold this name">'
_FOLDER_SYMBOL = '<svg class="d" aria-hidden="true"><use href="#d"/></svg>'
_FILE_SYMBOL = '<svg aria-hidden="true"><use href="#f"/></svg>'


def error_page(
    status: int, reason: str, detail: str, reference: str, *, advice: str = "", has_home: bool = True
) -> str:
    """The page of an error: `detail` and `advice` take the place of the status' usual texts, `reference` may be empty.

    `has_home`: there is a home page to go to.
    """
    failed, usual_advice = explanation(status)
    return _error.render(
        style=_ERROR_STYLE,
        status=status,
        reason=reason,
        failed=detail or failed,
        advice=advice or usual_advice,
        reference=reference,
        has_home=has_home,
    )


def traceback_page(report: Report, request: RequestSummary, status: int) -> str:
    """The debug page: where a script failed or, for status 504, where it was when its time was up."""
    return _traceback.render(
        style=_TRACEBACK_STYLE,
        report=report,
        frames=list(report.frames)[::-1],
        request=request,
        status=status,
        hung=status == 504,
    )


def broken_off(status: int, reference: str, report: Report | None, media_type: bytes) -> bytes:
    """What is added to a page of `media_type` whose script has failed after a part of it was sent; nothing to a file.

    `report` is shown where there is one.
    """
    text = report.text() if report is not None else "The rest of this page is missing: it could not be made."
    text = f"{status}: {text}" + (f"\nReference: {reference}" if reference else "")
    if media_type.startswith(b"text/html"):
        return _broken_off.render(text=text).encode("utf-8", "replace")
    return f"\n\n{text}\n".encode("utf-8", "replace") if media_type.startswith(b"text/") else b""


def listing_page(listing: ListingPage) -> str:
    """The list of a folder's content."""
    rows = Markup("".join(map(_listing_row, listing.rows)))
    return _listing.render(style=_LISTING_STYLE, listing=listing, rows=rows)


def _listing_row(row: Row) -> str:
    """A row of the table. It is not in the template: there may be a thousand, and Jinja takes several times as long."""
    href, modified = row.href, row.modified
    opening, closing = (f'<a href="{escape(href)}">', "</a>") if href else (_NO_ADDRESS, "</span>")
    symbol, slash = (_FOLDER_SYMBOL, "/") if row.folder else (_FILE_SYMBOL, "")
    clock = f'<span class="clock"> {modified[11:16]}</span>'
    time = f'<time datetime="{modified}">{modified[:10]}{clock}</time>' if modified else ""
    return (
        f"<tr><td>{opening}{symbol}<bdi>{escape(row.shown)}{slash}</bdi>{closing}</td>"
        f'<td class="size">{row.human_size}</td><td class="time">{time}</td></tr>\n'
    )


def markdown_page(title: str, content: str) -> str:
    """The page of a Markdown file. `content` is HTML, and is not escaped."""
    return _markdown.render(style=_MARKDOWN_STYLE, title=title, content=Markup(content))
