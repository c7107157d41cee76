"""Of scripts that never end, no more want the processor at once than there are processors, and each gets its turn."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from computing import QUICK, running, seen, state_of
from twisted.internet.task import Clock

from twistedsite.scripts.runners.workers.scheduling import cpu_monitor as precedence
from twistedsite.scripts.runners.workers.scheduling import turns as turns_module
from twistedsite.scripts.runners.workers.scheduling.cpu_monitor import LOOK, Precedence
from twistedsite.scripts.runners.workers.scheduling.priority import Level
from twistedsite.scripts.runners.workers.scheduling.turns import LONGEST, TURN, Turns

pytestmark = pytest.mark.process

PATIENCE = 60.0
"""Seconds for the kernel to do what it was told."""
CERTAIN = 4
"""Looks after which it is known who computes."""

Start = Callable[..., list[Any]]


@pytest.fixture(autouse=True)
def one_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0})


@pytest.fixture
def start() -> Iterator[Start]:
    """`start(1, 1, 0)`: two processes that compute and one that sleeps."""
    with contextlib.ExitStack() as processes:
        yield lambda *threads: [processes.enter_context(running(count)) for count in threads]


def among(*processes: Any) -> Turns:
    """Turns of `processes`, which have been looked at until it is known who computes."""
    turns = Turns()
    for process in processes:
        turns.join(process)
    look(turns, CERTAIN)
    return turns


def look(turns: Turns, times: int = 1) -> None:
    for _ in range(times):
        turns.look()


def settled(process: Any) -> str:
    """The state of `process` when the kernel has done what it was told last: T, or another one."""
    end = time.monotonic() + PATIENCE
    while (state_of(process.pid) == "T") is not process.stopped:
        assert time.monotonic() < end
        select.select([], [], [], 0.001)
    return state_of(process.pid)


def stopped(*processes: Any) -> list[bool]:
    return [settled(process) == "T" for process in processes]


def test_one_computes_for_each_processor_and_the_others_are_stopped(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = start(1, 1, 1)
    among(*processes)
    assert sorted(stopped(*processes)) == [False, True, True]
    for process in processes:
        process.go_on()
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    among(*processes)
    assert sorted(stopped(*processes)) == [False, False, True]


def test_each_gets_its_turn_and_as_much_of_the_processor(start: Start) -> None:
    processes = start(1, 1, 1)
    turns = among(*processes)
    had: Counter[int] = Counter()
    for _ in range(6):
        (runs,) = [process for process in processes if settled(process) != "T"]
        had[runs.pid] += 1
        runs.use(TURN)
        look(turns)
    assert had == {process.pid: 2 for process in processes}


def test_one_that_has_had_nothing_of_its_turn_lets_others_try(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "TURN", 10**6)
    processes = start(1, 1)
    turns = among(*processes)
    before = stopped(*processes)
    look(turns, LONGEST - 1)
    assert stopped(*processes) == before
    look(turns)
    assert stopped(*processes) == before[::-1]


def test_no_more_than_there_are_processors_are_left_as_they_are(start: Start) -> None:
    (process,) = start(1)
    turns = among(process)
    look(turns, 3 * LONGEST)
    assert stopped(process) == [False]


def test_one_that_sleeps_is_not_stopped_and_takes_no_place(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "TURN", 0.0)
    processes = start(0, 1)
    turns = among(*processes)
    for _ in range(3 * CERTAIN):
        look(turns)
        assert stopped(*processes) == [False, False]


def test_one_that_computes_in_a_thread_takes_its_turns(start: Start) -> None:
    processes = start(2, 2)
    for process in processes:
        process.sleep()  # its main thread
    among(*processes)
    assert sorted(stopped(*processes)) == [False, True]


def test_when_one_goes_to_sleep_the_next_one_goes_on(start: Start) -> None:
    processes = start(1, 1, 1)
    turns = among(*processes)
    (first,) = [process for process in processes if not process.stopped]
    first.sleep()
    look(turns)
    assert sorted(stopped(*processes)) == [False, False, True]


def test_when_one_has_ended_the_next_one_goes_on(start: Start) -> None:
    processes = start(1, 1, 1)
    turns = among(*processes)
    (first,) = [process for process in processes if not process.stopped]
    turns.leave(first)
    look(turns)
    assert sorted(stopped(*processes)) == [False, False, True]  # the first one is not among them any more


def test_one_that_begins_to_compute_takes_nobodys_turn(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "TURN", 10**6)
    *processes, late = start(1, 1, 1)
    turns = among(*processes)
    before = stopped(*processes)
    turns.join(late)
    look(turns, CERTAIN)
    assert stopped(*processes, late) == [*before, True]
    monkeypatch.setattr(turns_module, "TURN", 0.0)
    look(turns)
    assert stopped(*processes, late) == [*before[::-1], True]
    look(turns)
    assert stopped(*processes, late) == [True, True, False]


def test_where_there_are_fewer_again_all_go_on(start: Start) -> None:
    processes = start(1, 1)
    turns = among(*processes)
    (running,) = [process for process in processes if not process.stopped]
    turns.leave(running)
    look(turns)
    assert stopped(*processes) == [False, False]


def test_who_leaves_goes_on_at_once(start: Start) -> None:
    processes = start(1, 1)
    turns = among(*processes)
    for process in processes:
        turns.leave(process)
    assert stopped(*processes) == [False, False]


def test_many_are_looked_at_in_turn(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "_SAMPLES", 2)
    processes = start(0, 0, 0, 1, 1)
    turns = among(*processes)
    look(turns, 3 * CERTAIN)
    assert stopped(*processes[:3]) == [False] * 3
    assert sorted(stopped(*processes[3:])) == [False, True]


def test_a_server_that_may_not_stop_them_leaves_them_alone(
    start: Start, logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = start(1, 1, 1)
    turns = among(*processes)
    asked = []

    def refuse() -> bool:
        asked.append(1)
        raise PermissionError

    for process in processes:
        monkeypatch.setattr(process, "pause", refuse)
    look(turns, 3 * LONGEST)
    assert stopped(*processes) == [False] * 3
    assert asked == [1]
    assert [line for line in logged if "may not stop" in line]


@pytest.fixture
def clock() -> Clock:
    return Clock()


def all_endless(clock: Clock, *processes: Any) -> Precedence:
    """A precedence that has found all of `processes` to be endless, and has stopped who has to wait."""
    looking = seen(clock, list(processes), 5 * QUICK)
    clock.pump([LOOK] * (CERTAIN + 1))
    assert {process.level for process in processes} == {Level.ENDLESS}
    return looking


def test_endless_ones_take_turns(start: Start, clock: Clock) -> None:
    processes = start(1, 1, 1)
    all_endless(clock, *processes)
    assert sorted(stopped(*processes)) == [False, True, True]


def test_long_ones_do_not(start: Start, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precedence, "_ENDLESS", 10**6)
    processes = start(1, 1)
    seen(clock, processes, QUICK)
    clock.pump([LOOK] * 3 * CERTAIN)
    assert [process.level for process in processes] == [Level.LONG] * 2
    assert stopped(*processes) == [False, False]


@pytest.mark.parametrize("end", ["restore", "forget"])
def test_whatever_ends_its_being_endless_lets_it_go_on(start: Start, clock: Clock, end: str) -> None:
    processes = start(1, 1)
    looking = all_endless(clock, *processes)
    (waits,) = [process for process in processes if process.stopped]
    getattr(looking, end)(waits)
    assert stopped(waits) == [False]


def test_one_whose_process_has_ended_takes_no_turn(start: Start, clock: Clock) -> None:
    processes = start(1, 1)
    looking = all_endless(clock, *processes)
    (first,) = [process for process in processes if not process.stopped]
    (other,) = [process for process in processes if process.stopped]
    os.kill(first.pid, signal.SIGKILL)
    looking.forget(first)
    clock.advance(LOOK)
    assert stopped(other) == [False]


def test_what_scripts_have_left_running_takes_turns_and_is_not_lost_sight_of(start: Start, clock: Clock) -> None:
    processes = start(1, 1, 1)
    all_endless(clock, *processes)
    for process in processes:
        process.jobs.clear()
    for _ in range(80):
        clock.advance(LOOK)
        for process in processes:
            if not process.stopped:
                process.use(0.0005)
    assert sorted(stopped(*processes)) == [False, True, True]
    assert {process.level for process in processes} == {Level.ENDLESS}
