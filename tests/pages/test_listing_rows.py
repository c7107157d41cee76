from __future__ import annotations

import gc
import weakref
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twistedsite.origins.interface import Entry, FolderPage, Kind
from twistedsite.pages.listing import Row, View, human_size, visible
from twistedsite.pages.render import listing_page
from twistedsite.resources.kinds.listing import listing_of

names = st.text(min_size=1).filter(lambda name: "/" not in name and "\0" not in name)


@given(names)
def test_a_link_leads_to_the_name_and_nowhere_else(name: str) -> None:
    href = Row(name, False).href
    assert not href or unquote(href, errors="strict") == name
    assert not set(href) & set(":/?#\\'\"<>& ")


@given(names)
def test_what_is_shown_can_be_sent_and_hides_nothing(name: str) -> None:
    shown = visible(name)
    shown.encode("utf-8")
    assert not set(shown) & set("\n\r\t\x1b\u202e\u2066\u200f")


def test_joined_emoji_stay_whole() -> None:
    assert visible("👩\u200d🚀.png") == "👩\u200d🚀.png"


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KB"),
        (10_000, "9.8 KB"),
        (10_189, "10 KB"),
        (1_048_575, "1.0 MB"),
        (23_400_000, "22 MB"),
        (5 * 1024**4, "5.0 TB"),
        (5000 * 1024**4, "5,000 TB"),
    ],
)
def test_sizes_are_short(size: int, shown: str) -> None:
    assert human_size(size) == shown


@pytest.mark.parametrize("mtime", [1e30, -1e30, float("inf"), float("nan")])
def test_a_time_that_is_no_date_is_left_out(mtime: float) -> None:
    assert Row("a", False, 0, mtime).modified == ""


def test_a_second_click_on_a_column_turns_the_order() -> None:
    assert View().column("name") == "?sort=name&order=desc"
    assert View().column("size") == "?sort=size&order=desc"
    assert View("size", "desc").column("size") == "?sort=size&order=asc"


@pytest.mark.parametrize("view", [View(), View("size", "asc"), View("name", "desc"), View("time", "desc", 4)])
@pytest.mark.parametrize("page", [1, 2, 30])
def test_a_link_to_a_page_keeps_the_order(view: View, page: int) -> None:
    query = dict(pair.split("=") for pair in view.link(page)[1:].split("&"))
    assert View.of_query(query) == View(view.sort, view.order, page)


class Name(str):
    """One that tells when it is gone."""


def test_a_page_that_is_no_longer_needed_leaves_memory_without_the_garbage_collector() -> None:
    name = Name("a.txt")
    gone = weakref.ref(name)
    gc.disable()
    try:
        listing_page(listing_of(("many",), FolderPage([Entry((name,), Kind.FILE)], 0, 1, 1, 1), View()))
        del name
        assert gone() is None
    finally:
        gc.enable()
