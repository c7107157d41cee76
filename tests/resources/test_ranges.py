from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twistedsite.resources.content.ranges import (
    ByteRange,
    UnsatisfiableError,
    content_range,
    parse_ranges,
    part_headers,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"bytes=0-0", [(0, 1)]),
        (b"bytes=2-5", [(2, 6)]),
        (b"bytes=2-", [(2, 16)]),
        (b"bytes=-3", [(13, 16)]),
        (b"bytes=-999", [(0, 16)]),
        (b"bytes=10-999", [(10, 16)]),
        (b"bytes=0-" + b"9" * 5000, [(0, 16)]),
        (b"Bytes=0-1", [(0, 2)]),
        (b"bytes= 0-1 ,\t, 4-5,", [(0, 2), (4, 6)]),
        (b"bytes=8-9,0-1", [(8, 10), (0, 2)]),
        (b"bytes=0-1,99-100", [(0, 2)]),
    ],
)
def test_ranges_select_what_they_name(value: bytes, expected: list[tuple[int, int]]) -> None:
    assert parse_ranges(value, 16) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"bytes=0-3,4-7", [(0, 8)]),
        (b"bytes=0-3,2-7,1-2", [(0, 8)]),
        (b"bytes=10-12,0-3,11-13", [(10, 14), (0, 4)]),
        (b"bytes=" + b",".join(b"0-" for _ in range(200)), [(0, 16)]),
    ],
)
def test_ranges_that_overlap_or_touch_become_one(value: bytes, expected: list[tuple[int, int]]) -> None:
    assert parse_ranges(value, 16) == expected


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"bytes",
        b"bytes=",
        b"bytes=,",
        b"bytes=-",
        b"bytes=a-b",
        b"bytes=5-2",
        b"bytes=0-1,5-2",
        b"bytes=0-1;2-3",
        b"bytes=--1",
        b"bytes=1--",
        b"bytes=+1-2",
        b"bytes=1 - 2",
        b"bytes=\xff",
        b"lines=0-1",
        b"bytes =0-1",
    ],
)
def test_a_malformed_or_foreign_field_means_the_whole(value: bytes) -> None:
    assert parse_ranges(value, 16) is None


@pytest.mark.parametrize("value", [b"bytes=16-", b"bytes=99-100", b"bytes=-0", b"bytes=" + b"9" * 5000 + b"-"])
def test_ranges_past_the_end_cannot_be_satisfied(value: bytes) -> None:
    with pytest.raises(UnsatisfiableError):
        parse_ranges(value, 16)


def test_of_nothing_a_suffix_is_the_whole_and_a_position_is_past_the_end() -> None:
    assert parse_ranges(b"bytes=-5", 0) is None
    with pytest.raises(UnsatisfiableError):
        parse_ranges(b"bytes=0-", 0)


def test_at_most_16_ranges_are_sent_apart() -> None:
    apart = [b"%d-%d" % (at, at) for at in range(0, 34, 2)]
    assert parse_ranges(b"bytes=" + b",".join(apart[:16]), 1000) == [(at, at + 1) for at in range(0, 32, 2)]
    assert parse_ranges(b"bytes=" + b",".join(apart), 1000) is None


def test_thousands_of_ranges_are_not_even_looked_at() -> None:
    assert parse_ranges(b"bytes=" + b",".join([b"0-0"] * 5000), 16) is None


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted), min_size=1, max_size=12), st.integers(1, 50)
)
def test_the_bytes_selected_are_those_asked_for(pairs: list[list[int]], size: int) -> None:
    field = b"bytes=" + b",".join(b"%d-%d" % (first, last) for first, last in pairs)
    asked = {at for first, last in pairs for at in range(first, last + 1) if at < size}
    try:
        selected = parse_ranges(field, size)
    except UnsatisfiableError:
        assert not asked
        return
    assert selected is not None
    positions = [at for part in selected for at in range(part.start, part.stop)]
    assert sorted(positions) == sorted(asked)


@given(st.binary(max_size=60), st.integers(0, 10**12))
def test_no_field_selects_bytes_outside(value: bytes, size: int) -> None:
    try:
        selected = parse_ranges(b"bytes=" + value, size)
    except UnsatisfiableError:
        return
    for part in selected or []:
        assert 0 <= part.start < part.stop <= size


def test_parts_are_framed_as_multipart_byteranges() -> None:
    first, second, end = part_headers([ByteRange(0, 2), ByteRange(8, 10)], 16, b"text/plain", b"edge")
    assert first == b"\r\n--edge\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/16\r\n\r\n"
    assert second == b"\r\n--edge\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/16\r\n\r\n"
    assert end == b"\r\n--edge--\r\n"
    assert content_range(ByteRange(3, 4), 16) == b"bytes 3-3/16"
