"""The listing of a folder that has no index: HTML, JSON or plain text, sorted and paged by plain links.

A site that has a template for it, `/_templates/index.html`, makes the HTML itself, as a script.
Reading, sorting and rendering go on in a background thread: ten thousand names make nobody else wait.
"""

from __future__ import annotations

import hashlib
from urllib.parse import parse_qsl

import msgspec
from twisted.web.server import Request

from twistedsite.origins.interface import (
    FolderPage,
    GoneError,
    Kind,
    PageView,
    Path,
    UnreadableError,
    await_if_deferred,
)
from twistedsite.origins.lookups import Lookups
from twistedsite.pages import listing as pages
from twistedsite.pages.accept import PageForm, choose
from twistedsite.pages.listing import ListingPage, Row, View, listing_json, listing_text
from twistedsite.pages.render import LISTING_CSP, listing_page
from twistedsite.resources.content.conditional import known_by
from twistedsite.resources.content.privacy import make_private
from twistedsite.resources.kinds.script import ScriptResource
from twistedsite.resources.site.base import SiteResource
from twistedsite.resources.site.error import HttpProblem, add_folder_headers
from twistedsite.scripts.dialects.listing import TEMPLATE

MAX_QUERY = 1024
"""Longest query string that is looked at, in bytes."""

_MEDIA_TYPES: dict[PageForm, bytes] = {
    "html": b"text/html; charset=utf-8",
    "json": b"application/json",
    "text": b"text/plain; charset=utf-8",
}


class Listing(SiteResource):
    """What can be reached in the folder `entry`: no name that begins with `_` or `.`, nothing that is never served."""

    async def respond(self, request: Request) -> None:
        """Send the listing as `?format=` or `Accept` say; raises HttpProblem 404 where the folder is gone."""
        query = _query(request.uri)
        form = _form(query.get("format", ""), request.getHeader("accept"))
        origin, background = self.site.origin, self.site.services.background
        view = View.of_query(query)
        if form == "html" and (own := await self._own_page()) is not None:
            return await own.respond(request)
        try:
            asked = PageView(view.sort, view.order == "desc", view.page, pages.PAGE_SIZE)
            if origin.capabilities.synchronous:
                found = await background.call(origin.list_page, self.entry, asked)
            else:
                found = origin.list_page(self.entry, asked)
            page = await await_if_deferred(found)
        except UnreadableError:
            raise self.unreadable() from None
        except GoneError:
            raise HttpProblem(404) from None
        listing, body = await background.call(_rendered, self.entry.path, page, view, form)
        add_folder_headers(request, self.folder)
        _send(request, listing, form, body, private=self.folder.auth is not None)
        return None

    async def _own_page(self) -> ScriptResource | None:
        """The site's own listing of this folder; None where it has none, or runs no scripts."""
        template = await Lookups(self.site.origin).one(TEMPLATE) if self.folder.scripts else None
        if template is None or template.kind is not Kind.FILE:
            return None
        path_info = "/".join(("", *self.entry.path, ""))
        return ScriptResource(self.site, template, self.folder, "listing", (), path_info)


def listing_of(path: Path, page: FolderPage, view: View) -> ListingPage:
    """What is shown of the `page` of the folder `path` that `view` has asked for."""
    rows = [Row(entry.name, entry.kind is Kind.FOLDER, entry.size, entry.mtime) for entry in page.entries]
    return ListingPage(
        path=path,
        rows=rows,
        view=msgspec.structs.replace(view, page=page.page),
        folders=page.folders,
        files=page.files,
        size=sum(row.size for row in rows if not row.folder) if page.pages == 1 else None,
        pages=page.pages,
    )


def _rendered(path: Path, page: FolderPage, view: View, form: PageForm) -> tuple[ListingPage, bytes]:
    listing = listing_of(path, page, view)
    if form == "json":
        return listing, listing_json(listing)
    return listing, (listing_page(listing) if form == "html" else listing_text(listing)).encode("utf-8")


def _send(request: Request, listing: ListingPage, form: PageForm, body: bytes, *, private: bool) -> None:
    etag = b'W/"%s"' % hashlib.blake2b(body, digest_size=12).hexdigest().encode("ascii")
    request.setHeader(b"etag", etag)
    request.setHeader(b"cache-control", b"no-cache")
    request.setHeader(b"vary", b"Accept")
    if links := _links(listing):
        request.setHeader(b"link", links)
    if private:
        make_private(request.responseHeaders)
    if known_by((request.getHeader(b"if-none-match") or b""), etag.removeprefix(b"W/")):
        request.setResponseCode(304)
        request.finish()
        return
    request.setHeader(b"content-type", _MEDIA_TYPES[form])
    request.setHeader(b"content-length", b"%d" % len(body))
    request.setHeader(b"x-content-type-options", b"nosniff")
    if form == "html":
        request.setHeader(b"content-security-policy", LISTING_CSP)
    if request.method != b"HEAD":
        request.write(body)
    request.finish()


def _links(listing: ListingPage) -> bytes:
    """The Link field (RFC 8288) to the pages before and after."""
    view = listing.view
    found = []
    if view.page > 1:
        found.append(f'<{view.link(view.page - 1)}>; rel="prev"')
    if view.page < listing.pages:
        found.append(f'<{view.link(view.page + 1)}>; rel="next"')
    return ", ".join(found).encode("ascii")


def _query(uri: bytes) -> dict[str, str]:
    raw = uri.partition(b"?")[2][:MAX_QUERY].decode("ascii", "replace")
    return dict(parse_qsl(raw, errors="replace"))


def _form(named: str, accept: str | None) -> PageForm:
    forms: tuple[PageForm, ...] = ("html", "json", "text")
    return next((form for form in forms if named == form), None) or choose(accept, "html")
