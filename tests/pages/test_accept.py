from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twistedsite.pages.accept import choose

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "text"),
        ("", "text"),
        ("*/*", "text"),
        ("image/png, audio/*", "text"),
        (BROWSER, "html"),
        ("TEXT/HTML", "html"),
        ("text/html;level=1;q=0.3", "html"),
        ("text/html;q=0", "text"),
        ("text/html;q=0, application/json;q=0.1", "json"),
        ("application/json, text/plain, */*", "json"),
        ("application/problem+json", "json"),
        ("application/json;q=0.5, text/html;q=0.4", "json"),
        ("text/plain;q=0.9, text/html;q=0.8", "text"),
        ("application/json;q=0.5, */*", "text"),
        ("application/json;q=nonsense", "text"),
        ("application/json;q=7", "json"),
    ],
)
def test_the_form_named_with_the_highest_weight_wins(accept: str | None, expected: str) -> None:
    assert choose(accept, "text") == expected


def test_the_default_stands_for_a_wildcard() -> None:
    assert choose("*/*", "html") == "html"
    assert choose("text/plain;q=0.5, */*", "html") == "html"


@given(st.text(max_size=200))
def test_no_field_is_too_strange(accept: str) -> None:
    assert choose(accept, "text") in ("html", "json", "text")
