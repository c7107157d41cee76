"""Who runs what a worker has in its hands: in whatever order the two sides write and read, each job is one side's."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from twistedsite.scripts.runners.workers.wire import claims
from twistedsite.scripts.runners.workers.wire.claims import Claims, begin

JOBS = 3
WORKERS_STEPS = 10
"""Of the worker, at most, while the server takes back: enough to begin all of its jobs, and to wait for a verdict."""


class Turns:
    """Memory of two sides: the server does each of its steps after as many of the worker's as `schedule` says."""

    def __init__(self, schedule: Iterator[int]) -> None:
        self._words = [0, 0, 0, 0]
        self._schedule = schedule
        self._worker: threading.Thread | None = None
        self._go = threading.Semaphore(0)
        self._done = threading.Semaphore(0)
        self._free = False

    def run(self, worker: threading.Thread) -> None:
        """Let `worker` stand before its first step."""
        self._worker = worker
        worker.start()

    def let_go(self) -> None:
        """The worker waits for nobody any more."""
        self._free = True
        self._go.release()

    def end(self) -> None:
        """The worker has ended: nobody waits for a step of it any more."""
        self._done.release(WORKERS_STEPS)

    def _step(self) -> None:
        if threading.current_thread() is self._worker:
            if not self._free:
                self._go.acquire()
        else:
            for _ in range(next(self._schedule)):
                self._go.release()
                self._done.acquire()

    def _stepped(self) -> None:
        if threading.current_thread() is self._worker and not self._free:
            self._done.release()

    def __getitem__(self, at: int) -> int:
        self._step()
        value = self._words[at]
        self._stepped()
        return value

    def __setitem__(self, at: int, value: int) -> None:
        self._step()
        self._words[at] = value
        self._stepped()


def schedules() -> Iterator[tuple[int, ...]]:
    """Every way to do the worker's steps before, between and after the server's four."""
    for parts in itertools.product(range(WORKERS_STEPS + 1), repeat=4):
        if sum(parts) <= WORKERS_STEPS:
            yield parts


@pytest.fixture
def ordered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that is read and written in the program's order anyway."""
    monkeypatch.setattr(claims, "_barrier", lambda: None)
    monkeypatch.setattr(claims, "_MOMENT", 0)


@pytest.mark.process
@pytest.mark.usefixtures("ordered")
def test_in_whatever_order_they_act_each_job_is_run_by_one() -> None:
    outcomes = set()
    for schedule in schedules():
        memory: Any = Turns(iter(schedule))
        # The worker has done one, and has all the others in its hands.
        memory._words[claims._BEGUN] = 6 + 1
        ran: list[int] = []

        def work(memory: Any = memory, ran: list[int] = ran) -> None:
            for number in range(7, 7 + JOBS):
                if not begin(memory, number, 0):
                    break
                ran.append(number)
            memory.end()

        worker = threading.Thread(target=work, daemon=True)
        memory.run(worker)
        back = Claims(memory).take_back(7, JOBS)
        memory.let_go()
        worker.join(20)
        assert not worker.is_alive(), schedule
        assert ran == list(range(7, 7 + JOBS - back)), schedule
        outcomes.add(back)
    assert outcomes == set(range(JOBS + 1))


@pytest.mark.usefixtures("ordered")
@pytest.mark.parametrize("begun", range(4))
def test_what_has_been_begun_stays_and_what_is_sent_later_is_the_workers(begun: int) -> None:
    words: Any = [0, 0, 0, 0]
    server = Claims(words)
    assert all(begin(words, 100 + number, 0) for number in range(begun))
    assert server.take_back(100, 3) == 3 - begun
    assert not begin(words, 100 + begun, 0)
    assert begin(words, 100 + begun, server.edition)
    assert server.take_back(100, 3) == 2 - begun if begun < 3 else True


@pytest.mark.usefixtures("ordered")
def test_what_the_worker_was_refused_does_not_count_as_begun() -> None:
    words: Any = [0, 0, 0, 0]
    server = Claims(words)
    assert begin(words, 0, 0)
    assert server.take_back(0, 3) == 2
    assert not begin(words, 1, 0)
    # The next one has that number too, and is in its socket.
    assert server.take_back(1, 1) == 1
    assert server.take_back(0, 2) == 1


@pytest.mark.usefixtures("ordered")
@pytest.mark.parametrize("written", [2**64 - 1, 2**63, 2**40, 77, 0])
def test_whatever_a_worker_writes_there_no_more_comes_back_than_it_has(written: int) -> None:
    words: Any = [written, 0, 0, 0]
    assert 0 <= Claims(words).take_back(5, 4) <= 4


def test_barriers_are_possible_here() -> None:
    assert claims.possible()
    claims.take_part()
    claims._barrier()


def test_they_are_not_where_the_kernel_knows_nothing_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (None, 100_000):
        monkeypatch.setattr(claims, "_MEMBARRIER", number)
        assert not claims.possible()
        claims.take_part()
