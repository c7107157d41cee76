"""The tables of the lives of workers and jobs: what is not in them is an error, and all ends are reached."""

from __future__ import annotations

import pytest

from twistedsite.scripts.runners.workers.server.job_states import JOB_LIFE, JobEvent, JobState
from twistedsite.scripts.runners.workers.server.transitions import ImpossibleEventError, Transitions
from twistedsite.scripts.runners.workers.server.worker_states import WORKER_LIFE, WorkerEvent, WorkerState

LIVES = [
    pytest.param(WORKER_LIFE, WorkerState, WorkerEvent, WorkerState.IDLE, WorkerState.GONE, id="worker"),
    pytest.param(JOB_LIFE, JobState, JobEvent, JobState.QUEUED, JobState.OVER, id="job"),
]


def values(names: type) -> set[str]:
    """The constants of a class of states or events."""
    return {value for name, value in vars(names).items() if name.isupper()}


@pytest.mark.parametrize(("life", "states", "events", "first", "last"), LIVES)
def test_every_state_is_reached_and_leads_to_the_end(
    life: Transitions, states: type, events: type, first: str, last: str
) -> None:
    assert {state for state, _ in life} == {*life.values(), first} == values(states)
    assert {event for _, event in life} == values(events)
    for state in values(states):
        reached = {state}
        while more := {life[found, event] for found, event in life if found in reached} - reached:
            reached |= more
        assert last in reached


@pytest.mark.parametrize(("life", "states", "events", "first", "last"), LIVES)
def test_an_event_that_is_not_in_the_table_raises(
    life: Transitions, states: type, events: type, first: str, last: str
) -> None:
    for state in values(states):
        for event in values(events) - {event for found, event in life if found == state}:
            with pytest.raises(ImpossibleEventError, match=f"^{event} while {state}$"):
                life[state, event]
