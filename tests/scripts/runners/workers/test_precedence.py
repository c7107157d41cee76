"""A worker that computes for long goes behind the others, and comes back when its script has ended."""

from __future__ import annotations

import os
import re
import select
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from twistedsite.scripts.runners.deadlines import Deadlines
from twistedsite.scripts.runners.workers import priority
from twistedsite.scripts.runners.workers.precedence import LOOK, Precedence
from twistedsite.scripts.runners.workers.priority import Level

QUICK = 0.01
"""Seconds of the processor."""
NICE = os.getpriority(os.PRIO_PROCESS, 0)


class Process:
    """What `Precedence` has to do with of a worker: a process of its own that computes, or sleeps."""

    watched = False
    level = Level.QUICK
    jobs_done = 0

    def __init__(self, threads: int) -> None:
        """Of `threads` threads, all of which compute; none: it sleeps."""
        self.jobs = ["a job"]
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            priority.begin_quick()
            for _ in range(threads - 1):
                threading.Thread(target=_spin).start()
            os.write(writer, b"!")
            while not threads:
                signal.pause()
            _spin()
        os.read(reader, 1)
        os.close(reader)
        os.close(writer)

    def alive(self) -> bool:
        return True

    def use(self, seconds: float) -> None:
        """Wait until it has used so much more of the processor."""
        until = priority.used(self.pid) + seconds
        while priority.used(self.pid) < until:
            select.select([], [], [], 0.001)

    @property
    def policies(self) -> set[int]:
        """Of all its threads."""
        return {os.sched_getscheduler(int(thread)) for thread in os.listdir(f"/proc/{self.pid}/task")}

    @property
    def nice(self) -> int:
        """How far it is behind this process."""
        return os.getpriority(os.PRIO_PROCESS, self.pid) - NICE


def _spin() -> None:
    while True:
        time.monotonic()


@pytest.fixture
def process(request: pytest.FixtureRequest) -> Iterator[Process]:
    process = Process(getattr(request, "param", 1))
    yield process
    os.kill(process.pid, signal.SIGKILL)
    os.waitpid(process.pid, 0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def watching(clock: Clock, process: Any, quick: float = QUICK) -> Precedence:
    """A precedence that has looked at `process` once."""
    precedence = Precedence(Deadlines(clock), quick)
    precedence.watch(process)
    clock.advance(LOOK)
    return precedence


def may_put_ahead() -> bool:
    """Whether this process may (CAP_SYS_NICE, bit 23)."""
    with open("/proc/self/status") as status:
        effective = next(line for line in status if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> 23 & 1)


def test_a_script_is_quick_until_it_has_used_its_time(clock: Clock, process: Process) -> None:
    watching(clock, process)
    assert (process.level, process.policies, process.nice) == (Level.QUICK, {os.SCHED_BATCH}, 0)
    process.use(QUICK)
    clock.advance(LOOK)
    assert (process.level, process.policies, process.nice) == (Level.LONG, {os.SCHED_BATCH}, 10)


@pytest.mark.parametrize("process", [3], indirect=True)
def test_one_that_goes_on_is_endless_with_all_its_threads(clock: Clock, process: Process) -> None:
    watching(clock, process)
    process.use(20 * QUICK)
    clock.advance(LOOK)
    assert (process.level, process.policies) == (Level.ENDLESS, {os.SCHED_IDLE})


@pytest.mark.parametrize("process", [0], indirect=True)
def test_one_that_sleeps_stays_where_it_is(clock: Clock, process: Process) -> None:
    watching(clock, process)
    clock.pump([LOOK] * 200)
    assert (process.level, process.policies, process.watched) == (Level.QUICK, {os.SCHED_BATCH}, True)


@pytest.mark.parametrize("process", [0], indirect=True)
def test_nobody_looks_at_a_worker_that_does_nothing(clock: Clock, process: Process) -> None:
    watching(clock, process)
    process.jobs.clear()
    process.jobs_done += 1
    clock.pump([LOOK] * 2)
    assert not process.watched
    assert clock.getDelayedCalls() == []


def test_what_a_script_has_left_running_goes_behind_too(clock: Clock, process: Process) -> None:
    watching(clock, process)
    process.jobs.clear()
    process.jobs_done += 1
    clock.advance(LOOK)
    process.use(QUICK)
    clock.advance(LOOK)
    assert (process.level, process.watched) == (Level.LONG, True)


def test_each_script_has_its_own_time(clock: Clock, process: Process) -> None:
    watching(clock, process)
    for _ in range(3):
        process.use(QUICK)
        process.jobs_done += 1
        clock.advance(LOOK)
    assert process.level is Level.QUICK


def test_nothing_is_long_where_that_is_the_setting(clock: Clock, process: Process) -> None:
    watching(clock, process, quick=0)
    process.use(QUICK)
    clock.advance(LOOK)
    assert (process.level, process.nice) == (Level.QUICK, 0)
    assert clock.getDelayedCalls() == []


def test_a_worker_is_put_ahead_again_where_the_server_may_do_that(clock: Clock, process: Process) -> None:
    precedence = watching(clock, process)
    process.use(QUICK)
    clock.advance(LOOK)
    assert precedence.restore(process) is may_put_ahead()  # type: ignore[arg-type]  # it stands for a worker
    assert process.nice == (0 if may_put_ahead() else 10)


def test_where_it_may_not_scripts_have_ten_times_as_long(
    clock: Clock, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(pid: int, level: Level) -> None:
        if level is Level.QUICK:
            raise PermissionError

    monkeypatch.setattr(priority, "put", put)
    precedence = watching(clock, process)
    process.use(QUICK)
    clock.advance(LOOK)
    assert process.level is Level.LONG
    assert not precedence.restore(process)  # type: ignore[arg-type]  # it stands for a worker
    process.level = Level.QUICK  # as if it were another
    clock.advance(LOOK)
    process.use(5 * QUICK)
    clock.advance(LOOK)
    assert process.level is Level.QUICK


def test_where_it_may_do_nothing_it_looks_no_more(
    clock: Clock, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(pid: int, level: Level) -> None:
        raise PermissionError

    monkeypatch.setattr(priority, "put", put)
    precedence = watching(clock, process)
    process.use(QUICK)
    clock.advance(LOOK)
    assert process.level is Level.QUICK
    precedence.forget(process)  # type: ignore[arg-type]  # it stands for a worker
    precedence.watch(process)  # type: ignore[arg-type]  # it stands for a worker
    clock.advance(LOOK)
    assert clock.getDelayedCalls() == []


SPIN = """
import os
print(os.getpid(), flush=True)
while not os.path.exists("end"): pass
"""


@pytest_twisted.ensureDeferred
async def test_a_page_that_computes_for_long_goes_behind_until_its_end(write: Any, serve: Any) -> None:
    write("spin.py", SPIN)
    write("pid.py", "import os\nprint(os.getpid())")
    async with serve(workers={"max_workers": 1, "quick": "1ms"}) as site:
        worker = int((await site.get("/pid")).text)
        answer = Deferred.fromCoroutine(site.get("/spin"))
        while os.sched_getscheduler(worker) != os.SCHED_IDLE:
            await deferLater(reactor, 0.01)
        write("end", "")
        assert (await answer).text == f"{worker}\n"
        after = int((await site.get("/pid")).text)
        if may_put_ahead():
            assert after == worker
            assert os.sched_getscheduler(worker) == os.SCHED_BATCH
        else:
            assert after != worker


@pytest_twisted.ensureDeferred
async def test_one_whose_time_is_up_tells_where_it_stands_even_so(write: Any, serve: Any, logged: list[str]) -> None:
    write("spin.py", "while True:\n    pass\n")
    write("_folder.toml", "timeout = '1s'")
    async with serve(workers={"quick": "1ms"}) as site:
        assert (await site.get("/spin")).status == 504
    assert any(re.search(r'File "spin.py", line [12]\b', line) for line in logged), logged
