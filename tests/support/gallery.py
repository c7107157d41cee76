"""Every built-in page with content that strains it: long names, long messages, nothing, very much."""

from __future__ import annotations

from twistedsite.origins.interface import Entry, Kind, PageView
from twistedsite.origins.listing import page_of
from twistedsite.pages.listing import View
from twistedsite.pages.render import RequestSummary, error_page, listing_page, markdown_page, traceback_page
from twistedsite.pages.texts import reason
from twistedsite.resources.kinds.listing import listing_of
from twistedsite.scripts.messages.failure import FailureReport, FrameReport

LONG = "averyverylongword" * 20

REQUEST = RequestSummary(
    method="POST",
    target=f"/shop?article={LONG}",
    protocol="HTTP/1.1",
    headers=[("Host", "example.org"), ("Cookie", "(redacted)"), ("User-Agent", LONG)],
    query=[("article", LONG)],
    form=[("comment", "<b>" + LONG)],
)
FRAMES = [
    FrameReport("shop.py", 2, "<module>", True, [(1, "import lib"), (2, f"lib.price('{LONG}')")], [("a", "1")]),
    FrameReport("/usr/lib/python3/json/decoder.py", 355, "raw_decode", False),
    FrameReport("lib.py", 9, "price", True, [(8, ""), (9, "    raise KeyError")], [("text", LONG), ("<i>", "'&'")]),
]
FOLDER = [
    Entry(("a folder",), Kind.FOLDER, 0, 1.7e9),
    Entry((LONG + ".pdf",), Kind.FILE, 23_400_000, 1.7e9),
    Entry(("<b>&\"'",), Kind.FILE, 5, 1.7e9),
    Entry(("bad\udcff",), Kind.FILE, 7_100_000_000, 1.7e9),
]
BIG = [Entry((f"{i}.jpg",), Kind.FILE, i, 1.7e9) for i in range(2500)]


def listing(path: tuple[str, ...], children: list[Entry], view: View) -> str:
    asked = PageView(view.sort, view.order == "desc", view.page)
    return listing_page(listing_of(path, page_of(children, asked), view))


PAGES = {
    "error": error_page(404, reason(404), "", ""),
    "error with details": error_page(500, reason(500), f"<b> {LONG}", "3fa9c1d2"),
    "traceback": traceback_page(FailureReport("KeyError", "'melon'", FRAMES, ["caused by <b>"]), REQUEST, 500),
    "traceback, long": traceback_page(FailureReport("ValueError", f"{LONG} " * 9, FRAMES), REQUEST, 500),
    "traceback, bare": traceback_page(FailureReport("SystemError", ""), REQUEST, 500),
    "timeout": traceback_page(FailureReport("Timeout", "still running after 25 s", FRAMES), REQUEST, 504),
    "listing": listing(("deep", "folder"), FOLDER, View("size", "desc")),
    "listing, empty": listing((), [], View()),
    "listing, deep": listing(tuple(f"folder {i} {LONG}" for i in range(12)), FOLDER, View()),
    "listing, big": listing((), BIG, View(page=2)),
    "markdown": markdown_page("<b>", f"<h1>{LONG}</h1><p>{LONG}</p><pre><code>{LONG}</code></pre>"),
}
