"""Guesses are counted for each address, for a while, and never for more addresses than there is room for."""

from __future__ import annotations

import pytest

from twistedsite.resources.auth import guesses
from twistedsite.resources.auth.guesses import GuessCount
from twistedsite.settings.auth import AuthSettings
from twistedsite.settings.units import Duration

LIMITS = AuthSettings(attempts=3, window=Duration(60), lockout=Duration(100))


class Watch:
    """A clock to be set."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def count(watch: Watch) -> GuessCount:
    return GuessCount(LIMITS, watch)


def guess(count: GuessCount, address: str, *passwords: bytes) -> None:
    for password in passwords:
        assert count.locked_for(address, password) == 0
        count.begins(address, password)
        count.wrong(address, password)


def test_after_so_many_different_guesses_no_other_is_looked_at(count: GuessCount, watch: Watch) -> None:
    guess(count, "1.2.3.4", b"a", b"b", b"b", b"c", b"a")
    assert count.locked_for("1.2.3.4", b"d") == 100
    # Not even one that was there before, or a right one: both would tell something.
    assert count.locked_for("1.2.3.4", b"a") == 100
    watch.now += 99.5
    assert count.locked_for("1.2.3.4", b"d") == 1
    watch.now += 0.5
    assert count.locked_for("1.2.3.4", b"d") == 0
    assert not count.was_wrong("1.2.3.4", b"a")


def test_guesses_are_forgotten_after_the_window(count: GuessCount, watch: Watch) -> None:
    guess(count, "1.2.3.4", b"a", b"b", b"c")
    watch.now += 60
    guess(count, "1.2.3.4", b"d", b"e", b"f")
    assert count.locked_for("1.2.3.4", b"g") == 100


def test_guesses_at_the_same_time_count_before_they_are_judged(count: GuessCount) -> None:
    for password in (b"a", b"b", b"c"):
        count.begins("1.2.3.4", password)
    assert count.locked_for("1.2.3.4", b"d") == 100


def test_what_came_to_no_answer_was_no_guess(count: GuessCount) -> None:
    for password in (b"a", b"b", b"c", b"d", b"e"):
        count.begins("1.2.3.4", password)
        count.undecided("1.2.3.4", password)
    guess(count, "1.2.3.4", b"f")
    count.undecided("1.2.3.4", b"f")
    assert count.was_wrong("1.2.3.4", b"f")


def test_a_right_password_starts_anew(count: GuessCount) -> None:
    guess(count, "1.2.3.4", b"a", b"b")
    count.right("1.2.3.4")
    guess(count, "1.2.3.4", b"c", b"d", b"e")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1.2.3.4", "1.2.3.5", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:1.2.3.4", "1.2.3.4", True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "", True),
        ("odd:address", "odd:other", False),
    ],
)
def test_what_counts_as_one_address(count: GuessCount, one: str, other: str, same: bool) -> None:
    guess(count, one, b"a", b"b", b"c")
    assert bool(count.locked_for(other, b"d")) == same


def test_only_so_many_addresses_are_counted_for(count: GuessCount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "MOST_ADDRESSES", 5)
    guess(count, "0.0.0.0", b"a", b"b", b"c")
    for number in range(1, 6):
        guess(count, f"0.0.0.{number}", b"a", b"b", b"c")
    assert count.locked_for("0.0.0.0", b"d") == 0
    assert count.locked_for("0.0.0.5", b"d") == 100


def test_no_limit_is_none(watch: Watch) -> None:
    count = GuessCount(AuthSettings(attempts=0), watch)
    guess(count, "1.2.3.4", *(b"%d" % number for number in range(1000)))
