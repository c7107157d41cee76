from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from gallery import FRAMES, PAGES, REQUEST

from twistedsite.pages.render import ERROR_CSP, LISTING_CSP, MARKDOWN_CSP, TRACEBACK_CSP, traceback_page
from twistedsite.scripts.messages.failure import FailureReport


class Checker(HTMLParser):
    """Collects open elements, and whatever would load something."""

    VOID = frozenset({"meta", "link", "br", "img", "use", "path"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.loads += [str(value) for name, value in attrs if name in ("src", "srcset", "style") or name[:2] == "on"]
        if tag in ("script", "link", "iframe", "b", "i") and tag != "i":
            self.loads.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_and_loads_nothing(name: str) -> None:
    checker = Checker()
    checker.feed(PAGES[name])
    checker.close()
    assert checker.open == []
    assert checker.loads == []
    PAGES[name].encode("utf-8")


@pytest.mark.parametrize(
    ("name", "policy"),
    [("error", ERROR_CSP), ("traceback", TRACEBACK_CSP), ("listing", LISTING_CSP), ("markdown", MARKDOWN_CSP)],
)
def test_the_policy_names_the_pages_style(name: str, policy: bytes) -> None:
    style = re.search(r"<style>(.*?)</style>", PAGES[name], re.DOTALL)
    assert style is not None
    assert base64.b64encode(hashlib.sha256(style[1].encode()).digest()) in policy


def test_the_innermost_call_comes_first_with_its_line_marked() -> None:
    page = PAGES["traceback"]
    assert (
        page.index("lib.py</code>, line 9") < page.index("decoder.py</code>, line 355") < page.index("shop.py</code>")
    )
    assert '<span class="failed"><i>9</i>    raise KeyError</span>' in page
    assert '<p class="soft">caused by &lt;b&gt;</p>' in page


def test_a_timeout_shows_where_it_hung() -> None:
    assert "Where it hung" in PAGES["timeout"]
    assert "Where it failed" not in PAGES["timeout"]


def test_the_text_of_the_traceback_can_be_copied() -> None:
    report = FailureReport("KeyError", "'<melon>'", FRAMES)
    assert "KeyError: &#39;&lt;melon&gt;&#39;</pre>" in traceback_page(report, REQUEST, 500)


def test_a_reference_is_shown_where_there_is_one() -> None:
    assert "3fa9c1d2" in PAGES["error with details"]
    assert "reference" not in PAGES["error"]
