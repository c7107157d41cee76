"""What a listing shows of the rows of a page, what a visitor may ask for, and its JSON and plain text forms."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

import msgspec

PAGE_SIZE = 1_000
"""Rows on one page."""

Sort = Literal["name", "size", "time"]
Order = Literal["asc", "desc"]

_FIRST_ORDER: dict[Sort, Order] = {"name": "asc", "size": "desc", "time": "desc"}
"""The order that a click on a column's head gives first."""
_PLAIN = re.compile(r"[A-Za-z0-9._~-]+", re.ASCII)
"""A name that is its own URL (RFC 3986, 2.3)."""
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
"""Control characters, bidirectional controls and what is no character: could make a name look like another."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """One name in a folder: size in bytes, time in seconds since the epoch."""

    name: str
    folder: bool
    size: int = 0
    mtime: float = 0.0

    @property
    def shown(self) -> str:
        """The name for a human: what cannot be seen is spelled out."""
        return visible(self.name)

    @property
    def href(self) -> str:
        """The relative URL; empty for a name that no URL of this server can hold."""
        if _PLAIN.fullmatch(self.name):
            return self.name + ("/" if self.folder else "")
        if "\\" in self.name:
            return ""
        try:
            return quote(self.name, safe="") + ("/" if self.folder else "")
        except UnicodeEncodeError:
            return ""

    @property
    def human_size(self) -> str:
        """The size in few characters; empty for a folder."""
        return "" if self.folder else human_size(self.size)

    @property
    def modified(self) -> str:
        """The time in ISO 8601, UTC, to the second; empty where it is unknown or no date."""
        try:
            return datetime.fromtimestamp(self.mtime, UTC).isoformat()[:19] + "Z" if self.mtime else ""
        except (ValueError, OverflowError, OSError):
            return ""


class View(msgspec.Struct, frozen=True):
    """What the visitor asked for in the query string."""

    sort: Sort = "name"
    order: Order = "asc"
    page: int = 1

    @classmethod
    def of_query(cls, query: dict[str, str]) -> View:
        """Read `sort`, `order` and `page`; what makes no sense is as if it were not there."""
        sort: Sort = next((s for s in _FIRST_ORDER if query.get("sort") == s), "name")
        orders: tuple[Order, ...] = ("asc", "desc")
        order = next((o for o in orders if query.get("order") == o), _FIRST_ORDER[sort])
        page = query.get("page", "")
        return cls(sort, order, max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 9 else 1)

    def link(self, page: int = 1) -> str:
        """The query string of another page of this view."""
        asked = "" if self == View(page=self.page) else f"&sort={self.sort}&order={self.order}"
        return "?" + (f"page={page}{asked}" if page > 1 else asked[1:] or "page=1")

    def column(self, sort: Sort) -> str:
        """The query string that a click on the head of column `sort` leads to."""
        order = _FIRST_ORDER[sort]
        if sort == self.sort and order == self.order:
            order = "desc" if order == "asc" else "asc"
        return f"?sort={sort}&order={order}"

    def aria(self, sort: Sort) -> str:
        """The value of `aria-sort` of column `sort`."""
        return "none" if sort != self.sort else "ascending" if self.order == "asc" else "descending"


class ListingPage(msgspec.Struct, frozen=True):
    """One page of a folder's listing, ready to be shown."""

    path: tuple[str, ...]
    rows: list[Row]
    view: View
    folders: int
    files: int
    size: int | None
    """Bytes of all files together; None where there are further pages, whose files have not been looked at."""
    pages: int

    @property
    def title(self) -> str:
        """The folder's path in the site, with a slash at both ends."""
        return visible("/" + "".join(segment + "/" for segment in self.path))

    @property
    def crumbs(self) -> list[tuple[str, str]]:
        """Name and relative URL of every folder from the first below the root to this one."""
        depth = len(self.path)
        return [(visible(name), "../" * (depth - i - 1) or "./") for i, name in enumerate(self.path)]

    @property
    def home(self) -> str:
        """The relative URL of the site's root."""
        return "../" * len(self.path) or "./"

    @property
    def human_size(self) -> str:
        """The size of all files of the folder together; empty where it is not known."""
        return "" if self.size is None else human_size(self.size)


def listing_json(listing: ListingPage) -> bytes:
    """The page as a JSON object; sizes in bytes, times in ISO 8601."""
    entries = [
        {
            "name": row.shown,
            "type": "folder" if row.folder else "file",
            "href": row.href or None,
            "size": None if row.folder else row.size,
            "modified": row.modified or None,
        }
        for row in listing.rows
    ]
    return msgspec.json.encode(
        {
            "path": listing.title,
            "folders": listing.folders,
            "files": listing.files,
            "size": listing.size,
            "page": listing.view.page,
            "pages": listing.pages,
            "entries": entries,
        }
    )


def listing_text(listing: ListingPage) -> str:
    """The names of the page, one a line, folders with a slash; a last line tells of further pages."""
    lines = [row.shown + ("/" if row.folder else "") for row in listing.rows]
    if listing.view.page < listing.pages:
        lines.append(
            f"... page {listing.view.page} of {listing.pages}, next: {listing.view.link(listing.view.page + 1)}"
        )
    return "".join(line + "\n" for line in lines)


def visible(name: str) -> str:
    """`name` with control characters, invisible ones and bytes that are no UTF-8 spelled out as escapes."""
    return _INVISIBLE.sub(lambda match: _escape(ord(match[0])), name)


def human_size(size: int) -> str:
    """`size` bytes in at most five characters and a unit: `512 B`, `1.5 KB`, `23 MB` (powers of 1024)."""
    if size < 1024:
        return f"{size} B"
    value = float(size)
    for unit in ("KB", "MB", "GB", "TB"):
        value /= 1024
        if value < 1023.5 or unit == "TB":
            break
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:,.0f} {unit}"


def _escape(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
