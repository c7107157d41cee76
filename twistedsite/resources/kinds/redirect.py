"""Redirects that the server itself makes."""

from __future__ import annotations

from urllib.parse import quote, unquote_to_bytes

from twisted.web.resource import Resource
from twisted.web.server import Request

from twistedsite.resources.content.privacy import make_private


class Redirect(Resource):
    """302 to a URL, for every method."""

    isLeaf = True
    status = 302

    def __init__(self, location: str, *, private: bool = False) -> None:
        super().__init__()
        self._private = private
        """It comes from a guarded place."""
        self._location = quote(location, safe="%/:?#[]@!$&'()*+,;=~-._")

    def location(self, request: Request) -> str:
        """The value of the Location field."""
        return self._location

    def render(self, request: Request) -> bytes:
        """Answer any method."""
        location = self.location(request).encode("ascii")
        request.setResponseCode(self.status)
        request.setHeader(b"location", location)
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        request.setHeader(b"cache-control", b"max-age=0, must-revalidate")
        request.setHeader(b"x-content-type-options", b"nosniff")
        if self._private:
            make_private(request.responseHeaders)
        return b"See " + location + b"\n"


class SlashRedirect(Redirect):
    """301 from a folder's URL to the form that ends with a slash, the query kept.

    The location is relative and made of the last segment only, percent-encoded: it cannot name another host.
    """

    status = 301

    def __init__(self, *, private: bool = False) -> None:
        super().__init__("", private=private)

    def location(self, request: Request) -> str:
        path, mark, query = request.uri.partition(b"?")
        last = unquote_to_bytes(path.rsplit(b"/", 1)[-1])
        kept = quote(query, safe="%/:?@!$&'()*+,;=~-._")
        return quote(last, safe="") + "/" + mark.decode("ascii") + kept
