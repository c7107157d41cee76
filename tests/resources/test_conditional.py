from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twistedsite.resources.content.conditional import (
    evaluate,
    format_date,
    known_by,
    make_etag,
    parse_date,
    range_applies,
)

ETAG = b'"abc"'
MODIFIED = 784111777.25
DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER = b"Sun, 06 Nov 1994 08:49:36 GMT"
LATER = b"Sun, 06 Nov 1994 08:49:38 GMT"


def judge(method: bytes = b"GET", **fields: bytes) -> int | None:
    named = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    return evaluate(method, named.get, ETAG, MODIFIED)


@pytest.mark.parametrize("value", [DATE, b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994"])
def test_all_three_forms_of_a_date_are_understood(value: bytes) -> None:
    assert parse_date(value) == int(MODIFIED)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"0",
        b"Sun, 06 Nov 1994 08:49:37",
        b"Sun, 06 Nov 1994 08:49:37 UTC",
        b"Sun, 06 Nov 1994 24:49:37 GMT",
        b"Sun, 31 Feb 1994 08:49:37 GMT",
        b"Sun, 00 Nov 1994 08:49:37 GMT",
        b"Sun, 06 Nov 0000 08:49:37 GMT",
        b"Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        b"sun, 06 nov 1994 08:49:37 gmt",
        b"\xff" * 5000,
    ],
)
def test_what_is_no_date_counts_as_none(value: bytes) -> None:
    assert parse_date(value) is None


@given(st.integers(0, 4102444799))
def test_a_date_means_the_second_that_it_was_made_from(second: int) -> None:
    assert parse_date(format_date(second + 0.9)) == second


@given(st.binary(max_size=40))
def test_no_bytes_break_the_reading_of_dates(value: bytes) -> None:
    parse_date(value)


def test_a_date_with_two_digits_is_not_read_as_far_ahead() -> None:
    assert parse_date(b"Friday, 01-Jan-70 00:00:00 GMT") == 0
    assert parse_date(b"Saturday, 01-Jan-00 00:00:00 GMT") == 946684800


def test_each_version_and_coding_has_an_etag_of_its_own_that_does_not_show_the_version() -> None:
    tags = {make_etag("1-2-3"), make_etag("1-2-4"), make_etag("1-2-3", "br"), make_etag("1-2-3", "gzip")}
    assert len(tags) == 4
    assert all(tag.startswith(b'"') and tag.endswith(b'"') and b"1-2-3" not in tag for tag in tags)


def test_a_request_without_preconditions_goes_on() -> None:
    assert judge() is None


@pytest.mark.parametrize("value", [ETAG, b"*", b'"x", "abc"', b'W/"abc"', b'"x",W/"abc"'])
def test_a_known_representation_is_not_sent_again(value: bytes) -> None:
    assert judge(if_none_match=value) == 304
    assert judge(b"HEAD", if_none_match=value) == 304
    assert judge(b"PUT", if_none_match=value) == 412
    assert known_by(value, ETAG)


@pytest.mark.parametrize("value", [b"", b"abc", b'"ab"', b'"abcd"', b"W/*", b'"ABC"', b'"', b'"abc', b"\xff"])
def test_an_unknown_or_malformed_tag_is_no_match(value: bytes) -> None:
    assert judge(if_none_match=value) is None
    assert judge(if_match=value) == 412


def test_if_match_compares_strongly() -> None:
    assert judge(if_match=b'"x", "abc"') is None
    assert judge(if_match=b"*") is None
    assert judge(if_match=b'W/"abc"') == 412


def test_dates_are_compared_by_the_second() -> None:
    assert judge(if_modified_since=EARLIER) is None
    assert judge(if_modified_since=DATE) == 304
    assert judge(if_modified_since=LATER) == 304
    assert judge(if_unmodified_since=EARLIER) == 412
    assert judge(if_unmodified_since=DATE) is None
    assert judge(if_unmodified_since=LATER) is None


def test_dates_that_cannot_be_read_are_ignored() -> None:
    assert judge(if_modified_since=b"yesterday") is None
    assert judge(if_unmodified_since=b"yesterday") is None


def test_if_modified_since_counts_for_get_and_head_only() -> None:
    assert judge(b"HEAD", if_modified_since=DATE) == 304
    assert judge(b"POST", if_modified_since=DATE) is None


def test_tags_win_over_dates() -> None:
    assert judge(if_none_match=b'"x"', if_modified_since=DATE) is None
    assert judge(if_match=ETAG, if_unmodified_since=EARLIER) is None


def test_what_forbids_is_judged_before_what_spares() -> None:
    assert judge(if_match=b'"x"', if_none_match=ETAG) == 412
    assert judge(if_unmodified_since=EARLIER, if_none_match=ETAG) == 412
    assert judge(if_match=ETAG, if_none_match=ETAG) == 304


@pytest.mark.parametrize(
    ("value", "applies"),
    [
        (None, True),
        (ETAG, True),
        (DATE, True),
        (b'W/"abc"', False),
        (b'"x"', False),
        (b'"abc", "x"', False),
        (EARLIER, False),
        (LATER, False),
        (b"nonsense", False),
    ],
)
def test_a_range_counts_only_for_the_very_same_representation(value: bytes | None, applies: bool) -> None:
    fields = {b"if-range": value} if value is not None else {}
    assert range_applies(fields.get, ETAG, MODIFIED, MODIFIED + 60) is applies


def test_the_date_of_a_file_that_may_still_change_in_this_second_is_no_reason_to_resume() -> None:
    assert not range_applies({b"if-range": DATE}.get, ETAG, MODIFIED, MODIFIED + 0.5)
