from __future__ import annotations

import gc
import random
import weakref
from collections.abc import Callable
from functools import partial

import pytest
from twisted.internet.task import Clock

from twistedsite.scripts.runners.deadlines import Deadlines


def test_each_deadline_is_called_once_at_its_time_in_their_order() -> None:
    clock = Clock()
    deadlines = Deadlines(clock)
    called: list[tuple[float, float]] = []
    times = [3.0, 1.0, 2.0, 1.0, 0.5]
    for seconds in times:
        deadlines.add(seconds, lambda seconds=seconds: called.append((seconds, clock.seconds())))
    clock.pump([0.25] * 20)
    assert called == [(seconds, seconds) for seconds in sorted(times)]
    assert clock.getDelayedCalls() == []


def test_a_cancelled_deadline_is_never_called() -> None:
    clock = Clock()
    deadlines = Deadlines(clock)
    called: list[int] = []
    made = [deadlines.add(1.0, lambda n=n: called.append(n)) for n in range(4)]
    made[0].cancel()
    made[2].cancel()
    clock.advance(2)
    made[3].cancel()
    assert called == [1, 3]


def test_all_deadlines_share_one_timer() -> None:
    clock = Clock()
    deadlines = Deadlines(clock)
    for seconds in (5, 3, 9, 1):
        deadlines.add(seconds, lambda: None)
        assert len(clock.getDelayedCalls()) == 1
    assert clock.getDelayedCalls()[0].getTime() == 1


def test_a_callback_may_add_and_cancel_deadlines() -> None:
    clock = Clock()
    deadlines = Deadlines(clock)
    called: list[str] = []
    other = deadlines.add(2.0, lambda: called.append("other"))

    def first() -> None:
        other.cancel()
        deadlines.add(0.5, lambda: called.append(f"again at {clock.seconds()}"))

    deadlines.add(1.0, first)
    clock.pump([0.5] * 8)
    assert called == ["again at 1.5"]


def test_cancelled_deadlines_do_not_pile_up() -> None:
    clock = Clock()
    deadlines = Deadlines(clock)
    for _ in range(20_000):
        deadlines.add(25.0, lambda: None).cancel()
    assert len(deadlines) == 0


def test_nothing_is_called_after_the_end() -> None:
    clock = Clock()
    deadlines = Deadlines(clock)
    called: list[int] = []
    deadlines.add(1.0, lambda: called.append(1))
    deadlines.stop()
    deadlines.stop()
    clock.advance(5)
    assert called == []
    assert clock.getDelayedCalls() == []


def test_they_agree_with_a_plain_sort_whatever_the_order() -> None:
    dice = random.Random(7)
    clock = Clock()
    deadlines = Deadlines(clock)
    called: list[int] = []
    expected: list[tuple[int, int]] = []
    for number in range(500):
        at = dice.randrange(1, 50)
        deadline = deadlines.add(at, lambda number=number: called.append(number))
        if dice.random() < 0.5:
            deadline.cancel()
        else:
            expected.append((at, number))
    clock.pump([1] * 60)
    assert called == [number for _, number in sorted(expected)]


def test_a_deadline_that_is_over_keeps_nobody() -> None:
    class Owner:
        def __init__(self, deadlines: Deadlines) -> None:
            self.deadline = deadlines.add(1.0, self.expired)

        def expired(self) -> None:
            pass

    clock = Clock()
    deadlines = Deadlines(clock)
    owners = [Owner(deadlines), Owner(deadlines)]
    left = [weakref.ref(owner) for owner in owners]
    gc.disable()
    try:
        owners[0].deadline.cancel()
        clock.advance(2)
        owners.clear()
        assert [owner() for owner in left] == [None, None]
    finally:
        gc.enable()


def test_what_a_callback_leaves_to_do_comes_after_all_that_is_due() -> None:
    clock = Clock()
    deadlines = Deadlines(clock)
    called: list[str] = []

    def stop(name: str) -> Callable[[], None]:
        called.append(f"stop {name}")
        return lambda: called.append(f"tell {name}")

    for name, seconds in (("a", 1.0), ("b", 2.0), ("c", 2.0), ("d", 9.0)):
        deadlines.add(seconds, partial(stop, name))
    clock.advance(3)
    assert called == ["stop a", "stop b", "stop c", "tell a", "tell b", "tell c"]


def test_a_callback_that_fails_takes_no_other_deadline_with_it() -> None:
    clock = Clock()
    deadlines = Deadlines(clock)
    called: list[int] = []
    deadlines.add(1.0, lambda: called.append(1 // 0))
    deadlines.add(1.0, lambda: called.append(2))
    with pytest.raises(ZeroDivisionError):
        clock.advance(1)
    clock.advance(1)
    assert called == [2]
