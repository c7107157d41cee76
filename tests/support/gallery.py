"""Every built-in page with content that strains it: long names, long messages, nothing, very much."""

from __future__ import annotations

from twistedsite.pages.listing import Row, View, arrange
from twistedsite.pages.render import RequestSummary, error_page, listing_page, markdown_page, traceback_page
from twistedsite.pages.texts import reason
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
ROWS = [
    Row("a folder", True, 0, 1.7e9),
    Row(LONG + ".pdf", False, 23_400_000, 1.7e9),
    Row("<b>&\"'", False, 5, 1.7e9),
    Row("bad\udcff", False, 7_100_000_000, 1.7e9),
]

PAGES = {
    "error": error_page(404, reason(404), "", ""),
    "error with details": error_page(500, reason(500), f"<b> {LONG}", "3fa9c1d2"),
    "traceback": traceback_page(FailureReport("KeyError", "'melon'", FRAMES, ["caused by <b>"]), REQUEST, 500),
    "traceback, long": traceback_page(FailureReport("ValueError", f"{LONG} " * 9, FRAMES), REQUEST, 500),
    "traceback, bare": traceback_page(FailureReport("SystemError", ""), REQUEST, 500),
    "timeout": traceback_page(FailureReport("Timeout", "still running after 25 s", FRAMES), REQUEST, 504),
    "listing": listing_page(arrange(("deep", "folder"), ROWS, View("size", "desc"))),
    "listing, empty": listing_page(arrange((), [], View())),
    "listing, deep": listing_page(arrange(tuple(f"folder {i} {LONG}" for i in range(12)), ROWS, View())),
    "listing, big": listing_page(arrange((), [Row(f"{i}.jpg", False, i, 1.7e9) for i in range(2500)], View(page=2))),
    "markdown": markdown_page("<b>", f"<h1>{LONG}</h1><p>{LONG}</p><pre><code>{LONG}</code></pre>"),
}
