"""Durations and sizes as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twistedsite.settings.units import Duration, Size


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("25s", 25), ("500ms", 0.5), ("2m", 120), ("1.5h", 5400), ("30d", 2592000), ("7", 7), (7, 7), (0.25, 0.25)],
)
def test_a_duration_is_a_number_of_seconds(written: object, seconds: float) -> None:
    assert Duration.parse(written) == seconds


@pytest.mark.parametrize(
    ("written", "number"),
    [("16M", 16 * 2**20), ("64K", 65536), ("64k", 65536), ("1.5G", 3 * 2**29), ("1 MiB", 2**20), ("10", 10), (10, 10)],
)
def test_a_size_is_a_number_of_bytes(written: object, number: int) -> None:
    assert Size.parse(written) == number


@pytest.mark.parametrize("written", ["", "s", "-1s", "1w", "1s2", "٣s", True, None, [], -1, float("nan"), float("inf")])
def test_anything_else_is_no_duration(written: object) -> None:
    with pytest.raises(ValueError, match="expected a duration such as 25s"):
        Duration.parse(written)


@pytest.mark.parametrize("written", ["", "M", "-1M", "1P", "1M2", True, None, [], -1, 1.5])
def test_anything_else_is_no_size(written: object) -> None:
    with pytest.raises(ValueError, match="expected a size such as 16M"):
        Size.parse(written)


@given(st.integers(0, 10**9).map(lambda milliseconds: Duration(milliseconds / 1000)))
def test_a_duration_is_spelt_so_that_it_reads_back(duration: Duration) -> None:
    assert Duration.parse(duration.spelling) == pytest.approx(duration)


@given(st.integers(0, 2**60).map(Size))
def test_a_size_is_spelt_so_that_it_reads_back(size: Size) -> None:
    assert Size.parse(size.spelling) == size


def test_the_spelling_takes_the_largest_unit_that_fits() -> None:
    assert (Duration(7200).spelling, Duration(90).spelling, Duration(0.5).spelling) == ("2h", "90s", "500ms")
    assert (Size(16 * 2**20).spelling, Size(1000).spelling) == ("16M", "1000")
