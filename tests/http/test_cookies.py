"""Cookies: what a Cookie field means, and that no value can break out of a Set-Cookie field."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twistedsite.http.message.cookies import format_cookie, parse_cookies


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2 ;\tc = 3", {"a": "1", "b": "2", "c": "3"}),
        ("a=1; a=2", {"a": "1"}),
        ('a="x y"; b="', {"a": "x y", "b": '"'}),
        ("a=b=c==", {"a": "b=c=="}),
        ("a=; b; =c; ;", {"a": ""}),
        ("A=1; a=2", {"A": "1", "a": "2"}),
    ],
)
def test_a_cookie_field_is_names_and_values(header: str, cookies: dict[str, str]) -> None:
    assert parse_cookies(header) == cookies


@given(st.text())
def test_any_text_is_a_cookie_field(header: str) -> None:
    for name, value in parse_cookies(header).items():
        assert name
        assert ";" not in name + value


def test_a_cookie_is_safe_unless_said_otherwise() -> None:
    assert format_cookie("a", "1") == "a=1; Path=/; HttpOnly; SameSite=Lax"


def test_a_cookie_says_all_that_it_is_told() -> None:
    cookie = format_cookie(
        "a", "", max_age=0, path="/x y", domain="example.com", secure=True, http_only=False, same_site="None"
    )
    assert cookie == "a=; Max-Age=0; Domain=example.com; Path=/x y; Secure; SameSite=None"
    assert format_cookie("a", "1", path=None, http_only=False, same_site=None) == "a=1"


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": ""},
        {"name": "a b"},
        {"name": "a=b"},
        {"name": "ä"},
        {"name": "a\n"},
        {"value": "x; Path=/evil"},
        {"value": "x\r\nSet-Cookie: b=1"},
        {"value": "x y"},
        {"value": 'x"'},
        {"value": "x,y"},
        {"value": "x\\"},
        {"value": "é"},
        {"value": "x\n"},
        {"path": "/;x"},
        {"path": "/\n"},
        {"domain": "a;b"},
        {"domain": "a\x00"},
        {"same_site": "Lax; Domain=evil"},
        {"same_site": "None"},
    ],
)
def test_a_cookie_that_cannot_be_said_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"cookie|same_site"):
        format_cookie(**{"name": "a", "value": "1", **arguments})


@given(st.text(), st.text())
def test_what_can_be_said_in_a_cookie_comes_back(name: str, value: str) -> None:
    try:
        cookie = format_cookie(name, value, same_site=None, http_only=False, path=None)
    except ValueError:
        return
    assert parse_cookies(cookie) == {name: value}
