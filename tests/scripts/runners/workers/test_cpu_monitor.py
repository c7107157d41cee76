"""A worker that computes for long goes behind the others, and comes back when its script has ended."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted
from jobs import Pools, answer, later
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock, deferLater

from twistedsite.scripts.runners.deadlines import Deadlines
from twistedsite.scripts.runners.workers.scheduling import priority
from twistedsite.scripts.runners.workers.scheduling.cpu_monitor import LOOK, CpuMonitor

pytestmark = pytest.mark.quiet

NICE = os.getpriority(os.PRIO_PROCESS, 0)
BEHIND = min(NICE + priority.BEHIND, 19) - NICE

PROGRAM = """
import os, signal, sys, threading, time
from twistedsite.scripts.runners.workers.scheduling.priority import begin_quick
from twistedsite.scripts.sandbox.kernel import prctl
prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
begin_quick()
def spin():
    while True: time.monotonic()
threads = int(sys.argv[1])
for _ in range(threads - 1):
    threading.Thread(target=spin).start()
print("there", flush=True)
while not threads: signal.pause()
spin()
"""


QUICK = 0.01
"""Seconds of the processor."""


class Process:
    """What a `CpuMonitor` sees of a worker: a process of its own that computes, or sleeps."""

    jobs_done = 0
    gone = False

    def __init__(self, pid: int) -> None:
        self.jobs = ["a job"]
        self.pid = pid

    def alive(self) -> bool:
        return not self.gone

    def use(self, seconds: float) -> None:
        """Wait until it has used so much more of the processor."""
        until = priority.used(self.pid) + seconds
        while priority.used(self.pid) < until:
            select.select([], [], [], 0.001)

    @property
    def nices(self) -> set[int]:
        """How far its threads are behind this process."""
        threads = map(int, os.listdir(f"/proc/{self.pid}/task"))
        return {os.getpriority(os.PRIO_PROCESS, thread) - NICE for thread in threads}


@contextlib.contextmanager
def running(threads: int) -> Iterator[Any]:
    """A process of `threads` threads, all of which compute; none: it sleeps."""
    command = [sys.executable, "-c", PROGRAM, str(threads)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "there\n"
            yield Process(process.pid)
        finally:
            process.kill()


@pytest.fixture
def process(request: pytest.FixtureRequest) -> Iterator[Any]:
    with running(getattr(request, "param", 1)) as process:
        yield process


@pytest.fixture
def clock() -> Clock:
    return Clock()


def watching(clock: Clock, process: Any, quick: float = QUICK) -> CpuMonitor:
    """A monitor that has looked at `process` once."""
    monitor = CpuMonitor(Deadlines(clock), quick)
    monitor.watch(process)
    clock.advance(LOOK)
    return monitor


def put_behind(clock: Clock, process: Any) -> CpuMonitor:
    """A monitor that has put `process` behind."""
    monitor = watching(clock, process)
    process.use(QUICK)
    clock.advance(LOOK)
    assert monitor.is_behind(process)
    return monitor


def may_put_ahead() -> bool:
    """Whether this process may (CAP_SYS_NICE, bit 23)."""
    with open("/proc/self/status") as status:
        effective = next(line for line in status if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> 23 & 1)


@pytest.mark.parametrize("process", [1, 3], indirect=True)
def test_a_script_is_quick_until_it_has_used_its_time_in_all_its_threads(clock: Clock, process: Any) -> None:
    monitor = watching(clock, process)
    assert (monitor.is_behind(process), process.nices) == (False, {0})
    process.use(QUICK)
    clock.advance(LOOK)
    assert (monitor.is_behind(process), process.nices) == (True, {BEHIND})


@pytest.mark.parametrize("process", [0], indirect=True)
def test_one_that_sleeps_stays_where_it_is_and_is_looked_at(clock: Clock, process: Any) -> None:
    monitor = watching(clock, process)
    clock.pump([LOOK] * 200)
    assert not monitor.is_behind(process)
    assert clock.getDelayedCalls()


@pytest.mark.parametrize("process", [0], indirect=True)
def test_nobody_looks_at_a_worker_that_does_nothing(clock: Clock, process: Any) -> None:
    watching(clock, process)
    process.jobs.clear()
    process.jobs_done += 1
    clock.pump([LOOK] * 2)
    assert clock.getDelayedCalls() == []


def test_what_a_script_has_left_running_goes_behind_too(clock: Clock, process: Any) -> None:
    monitor = watching(clock, process)
    process.jobs.clear()
    process.jobs_done += 1
    clock.advance(LOOK)
    process.use(QUICK)
    clock.advance(LOOK)
    assert monitor.is_behind(process)


def test_one_that_is_starved_behind_is_not_taken_for_one_that_sleeps(
    clock: Clock, process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = put_behind(clock, process)
    process.jobs.clear()
    now = priority.used(process.pid)
    monkeypatch.setattr(priority, "used", lambda pid: now)
    clock.pump([LOOK] * 200)
    assert clock.getDelayedCalls() == []
    assert (monitor.is_behind(process), process.nices) == (True, {BEHIND})
    assert monitor.watch(process) is may_put_ahead()


def test_each_script_has_its_own_time(clock: Clock, process: Any) -> None:
    monitor = watching(clock, process)
    for _ in range(3):
        process.use(QUICK)
        process.jobs_done += 1
        clock.advance(LOOK)
    assert not monitor.is_behind(process)


def test_nothing_is_long_where_that_is_the_setting(clock: Clock, process: Any) -> None:
    monitor = watching(clock, process, quick=0)
    process.use(QUICK)
    clock.advance(LOOK)
    assert (monitor.is_behind(process), process.nices) == (False, {0})
    assert clock.getDelayedCalls() == []


@pytest.mark.parametrize("call", ["restore", "watch"])
def test_a_worker_is_put_ahead_again_where_the_server_may_do_that(clock: Clock, process: Any, call: str) -> None:
    monitor = put_behind(clock, process)
    assert getattr(monitor, call)(process) is may_put_ahead()
    assert process.nices == {0 if may_put_ahead() else BEHIND}


def test_one_that_has_ended_is_not_put_anywhere(clock: Clock, process: Any) -> None:
    monitor = put_behind(clock, process)
    process.gone = True
    assert monitor.restore(process)
    assert process.nices == {BEHIND}
    monitor.forget(process)
    assert not monitor.is_behind(process)


def test_where_it_may_not_scripts_have_ten_times_as_long(
    clock: Clock, process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(priority, "put_ahead", refused)
    monitor = put_behind(clock, process)
    assert not monitor.restore(process)
    assert monitor.is_behind(process)
    monitor.forget(process)
    monitor.watch(process)
    clock.advance(LOOK)
    process.use(5 * QUICK)
    clock.advance(LOOK)
    assert not monitor.is_behind(process)


def test_where_it_may_do_nothing_it_looks_no_more(clock: Clock, process: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority, "put_behind", refused)
    monitor = watching(clock, process)
    process.use(QUICK)
    clock.advance(LOOK)
    assert not monitor.is_behind(process)
    monitor.forget(process)
    monitor.watch(process)
    clock.advance(LOOK)
    assert clock.getDelayedCalls() == []


def refused(pid: int) -> None:
    raise PermissionError


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
        while os.getpriority(os.PRIO_PROCESS, worker) == NICE:
            await deferLater(reactor, 0.01)
        write("end", "")
        assert (await answer).text == f"{worker}\n"
        after = int((await site.get("/pid")).text)
        if may_put_ahead():
            assert after == worker
            assert os.getpriority(os.PRIO_PROCESS, worker) == NICE
        else:
            assert after != worker


@pytest_twisted.ensureDeferred
async def test_one_that_is_asked_where_it_stands_may_answer_at_once(pools: Pools) -> None:
    async with pools(1, sandbox="off", quick=0.001) as (_, [(runner, root)]):
        (root / "spin.py").write_text("while True: pass")
        answered = later(answer(runner, root, "spin.py"))
        (worker,) = runner._pool.members
        while not runner._services.cpu_monitor.is_behind(worker):
            assert not answered.called
            await deferLater(reactor, 0.01)
        worker.ask_for_stack()
        if may_put_ahead():
            assert os.getpriority(os.PRIO_PROCESS, worker.pid) == NICE
        answered.addErrback(lambda failure: failure.trap(CancelledError))
        answered.cancel()
        await answered
