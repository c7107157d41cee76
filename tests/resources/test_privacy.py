"""What is said to caches of an answer that one visitor was let in for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.web.http_headers import Headers

from twistedsite.resources.content.privacy import make_private, private_fields

CACHING = [
    ("", "private"),
    ("max-age=60", "private, max-age=60"),
    ("public, max-age=60", "private, max-age=60"),
    ("PUBLIC,S-MaxAge=9 ,must-revalidate", "private, must-revalidate"),
    ("s-maxage=9", "private"),
    ("private", "private"),
    ('private="set-cookie, x", max-age=1', "private, max-age=1"),
    ("no-store", "no-store"),
    ("no-store, public", "no-store"),
    ("No-Store", "No-Store"),
    ('no-cache="a, public", max-age=1', 'private, no-cache="a, public", max-age=1'),
    ('x="public', "private, x="),  # a quote that is never closed
    (",,", "private"),
]


@pytest.mark.parametrize(("said", "sent"), CACHING)
def test_no_directive_lets_others_keep_it(said: str, sent: str) -> None:
    sent_fields = dict(private_fields([(b"cache-control", said.encode())] if said else []))
    assert sent_fields[b"cache-control"].decode() == sent


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ([], "Authorization"),
        (["Accept-Encoding"], "Accept-Encoding, Authorization"),
        (["Accept", "Cookie"], "Accept, Cookie, Authorization"),
        (["authorization, Cookie"], "authorization, Cookie"),
        (["*"], "*"),
    ],
)
def test_it_depends_on_who_asks(said: list[str], sent: str) -> None:
    assert dict(private_fields((b"vary", value.encode()) for value in said))[b"vary"].decode() == sent


def test_fields_for_particular_caches_go() -> None:
    names = (b"cdn-cache-control", b"surrogate-control", b"cloudy-cache-control", b"x-kept")
    assert {name for name, _ in private_fields((name, b"max-age=9") for name in names)} == {
        b"x-kept",
        b"cache-control",
        b"vary",
    }


def test_the_headers_of_a_response_are_treated_alike() -> None:
    headers = Headers({"Cache-Control": ["public", "max-age=1"], "CDN-Cache-Control": ["public"], "X-A": ["1", "2"]})
    make_private(headers)
    assert headers.getRawHeaders("cache-control") == ["private, max-age=1"]
    assert headers.getRawHeaders("vary") == ["Authorization"]
    assert headers.getRawHeaders("cdn-cache-control") is None
    assert headers.getRawHeaders("x-a") == ["1", "2"]


@given(st.lists(st.sampled_from(["public", "s-maxage=1", "private", "no-store", "a=1", '"', 'b=","', " ", "\\"])))
def test_whatever_is_said_it_is_private_or_not_stored(parts: list[str]) -> None:
    (caching, _) = private_fields([(b"cache-control", ",".join(parts).encode())])
    directives = caching[1].split(b",")
    assert directives[0] == b"private" or b"no-store" in [directive.strip() for directive in directives]
