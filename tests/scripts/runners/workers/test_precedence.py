"""A worker that computes for long goes behind the others, and comes back when its script has ended."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted
from computing import QUICK, running, seen
from jobs import Pools, answer, later
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock, deferLater

from twistedsite.scripts.runners.deadlines import Deadlines
from twistedsite.scripts.runners.workers.scheduling import cpu_monitor as precedence_module
from twistedsite.scripts.runners.workers.scheduling import priority
from twistedsite.scripts.runners.workers.scheduling.cpu_monitor import LOOK, Precedence
from twistedsite.scripts.runners.workers.scheduling.priority import Level

pytestmark = pytest.mark.quiet


@pytest.fixture
def process(request: pytest.FixtureRequest) -> Iterator[Any]:
    with running(getattr(request, "param", 1)) as process:
        yield process


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


def test_a_script_is_quick_until_it_has_used_its_time(clock: Clock, process: Any) -> None:
    watching(clock, process)
    assert (process.level, process.policies, process.nice) == (Level.QUICK, {os.SCHED_BATCH}, 0)
    process.use(QUICK)
    clock.advance(LOOK)
    assert (process.level, process.policies, process.nice) == (Level.LONG, {os.SCHED_BATCH}, 10)


def test_several_that_are_long_have_no_more_together(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precedence_module, "_ENDLESS", 10**6)
    with contextlib.ExitStack() as processes:
        three = [processes.enter_context(running(1)) for _ in range(3)]
        seen(clock, three, QUICK)
        clock.pump([LOOK] * 2)
        assert [process.level for process in three if process.nice == 15] == [Level.LONG] * 3


@pytest.mark.parametrize("process", [3], indirect=True)
def test_one_that_goes_on_is_endless_with_all_its_threads(clock: Clock, process: Any) -> None:
    watching(clock, process)
    process.use(5 * QUICK)
    clock.advance(LOOK)
    assert (process.level, process.policies) == (Level.ENDLESS, {os.SCHED_IDLE})


@pytest.mark.parametrize("process", [0], indirect=True)
def test_one_that_sleeps_stays_where_it_is(clock: Clock, process: Any) -> None:
    watching(clock, process)
    clock.pump([LOOK] * 200)
    assert (process.level, process.policies, process.watched) == (Level.QUICK, {os.SCHED_BATCH}, True)


@pytest.mark.parametrize("process", [0], indirect=True)
def test_nobody_looks_at_a_worker_that_does_nothing(clock: Clock, process: Any) -> None:
    watching(clock, process)
    process.jobs.clear()
    process.jobs_done += 1
    clock.pump([LOOK] * 2)
    assert not process.watched
    assert clock.getDelayedCalls() == []


def test_what_a_script_has_left_running_goes_behind_too(clock: Clock, process: Any) -> None:
    watching(clock, process)
    process.jobs.clear()
    process.jobs_done += 1
    clock.advance(LOOK)
    process.use(QUICK)
    clock.advance(LOOK)
    assert (process.level, process.watched) == (Level.LONG, True)


def test_each_script_has_its_own_time(clock: Clock, process: Any) -> None:
    watching(clock, process)
    for _ in range(3):
        process.use(QUICK)
        process.jobs_done += 1
        clock.advance(LOOK)
    assert process.level is Level.QUICK


def test_nothing_is_long_where_that_is_the_setting(clock: Clock, process: Any) -> None:
    watching(clock, process, quick=0)
    process.use(QUICK)
    clock.advance(LOOK)
    assert (process.level, process.nice) == (Level.QUICK, 0)
    assert clock.getDelayedCalls() == []


def test_a_worker_is_put_ahead_again_where_the_server_may_do_that(clock: Clock, process: Any) -> None:
    precedence = watching(clock, process)
    process.use(QUICK)
    clock.advance(LOOK)
    assert precedence.restore(process) is may_put_ahead()
    assert process.nice == (0 if may_put_ahead() else 10)


def test_one_that_has_ended_is_not_put_anywhere(clock: Clock, process: Any) -> None:
    precedence = watching(clock, process)
    process.use(QUICK)
    clock.advance(LOOK)
    process.gone = True
    assert precedence.restore(process)
    assert process.nice == 10
    process.gone, process.level = False, Level.QUICK  # as if it were another
    clock.advance(LOOK)
    process.use(QUICK)
    clock.advance(LOOK)
    assert process.level is not Level.QUICK


def test_where_it_may_not_scripts_have_ten_times_as_long(
    clock: Clock, process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(pid: int, level: Level, many: int) -> None:
        if level is Level.QUICK:
            raise PermissionError

    monkeypatch.setattr(priority, "put", put)
    precedence = watching(clock, process)
    process.use(QUICK)
    clock.advance(LOOK)
    assert process.level is Level.LONG
    assert not precedence.restore(process)
    process.level = Level.QUICK  # as if it were another
    clock.advance(LOOK)
    process.use(5 * QUICK)
    clock.advance(LOOK)
    assert process.level is Level.QUICK


def test_where_it_may_do_nothing_it_looks_no_more(clock: Clock, process: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def put(pid: int, level: Level, many: int) -> None:
        raise PermissionError

    monkeypatch.setattr(priority, "put", put)
    precedence = watching(clock, process)
    process.use(QUICK)
    clock.advance(LOOK)
    assert process.level is Level.QUICK
    precedence.forget(process)
    precedence.watch(process)
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
async def test_one_that_is_asked_where_it_stands_may_answer_at_once(pools: Pools) -> None:
    async with pools(1, sandbox="off", quick=0.001) as (_, [(runner, root)]):
        (root / "spin.py").write_text("while True: pass")
        answered = later(answer(runner, root, "spin.py"))
        (worker,) = runner._pool.members
        while worker.level is not Level.ENDLESS:
            assert not answered.called
            await deferLater(reactor, 0.01)
        worker.ask_for_stack()
        if may_put_ahead():
            assert os.sched_getscheduler(worker.pid) == os.SCHED_BATCH
        answered.addErrback(lambda failure: failure.trap(CancelledError))
        answered.cancel()
        await answered
