from __future__ import annotations

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import Clock, deferLater

from twistedsite.resources import turns
from twistedsite.resources.turns import Turns


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, a turn of the reactor counts as one."""
    monkeypatch.setattr(turns, "_LONGEST", 1000.0)


@pytest_twisted.ensureDeferred
async def test_a_number_lasts_for_one_turn_of_the_reactor() -> None:
    counter = Turns(reactor)
    first = counter.current()
    assert counter.current() == first
    await deferLater(reactor, 0)
    second = counter.current()
    assert second != first
    assert counter.current() == second


@pytest_twisted.ensureDeferred
async def test_a_number_ends_in_time_although_the_reactor_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_LONGEST", 0.0)
    counter = Turns(reactor)
    assert counter.current() != counter.current()


def test_a_reactor_whose_order_is_not_known_has_no_turns_to_rely_on() -> None:
    counter = Turns(Clock())
    assert counter.current() != counter.current()
