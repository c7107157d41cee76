"""The order of a listing, and its pages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twistedsite.origins.interface import Entry, Kind, PageView
from twistedsite.origins.listing import natural_key, page_of

names = st.text(min_size=1).filter(lambda name: "/" not in name and "\0" not in name)


def test_numbers_in_names_count_as_numbers_and_case_does_not() -> None:
    names = ["a10", "B", "10", "a2", "2", "A1", "a"]
    assert sorted(names, key=natural_key) == ["2", "10", "a", "A1", "a2", "a10", "B"]


@given(names, names)
def test_any_two_names_have_an_order(one: str, other: str) -> None:
    assert (natural_key(one) < natural_key(other)) != (natural_key(other) < natural_key(one)) or one == other


def test_a_page_past_the_end_is_the_last_one() -> None:
    page = page_of([Entry((str(number),), Kind.FILE) for number in range(11)], PageView(page=50, size=10))
    assert (page.page, page.pages, [entry.name for entry in page.entries]) == (2, 2, ["10"])
    assert (page.files, page.folders) == (11, 0)


def test_a_folder_without_names_has_one_page() -> None:
    page = page_of([], PageView())
    assert (page.page, page.pages, page.entries) == (1, 1, [])
