"""Scripts that wait in their worker's own socket for those before them: which may, and that it is to nobody's harm."""

from __future__ import annotations

import io
import os
import signal
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from jobs import Pools, Sink, answer, later, request_for
from twisted.internet.defer import CancelledError, Deferred, gatherResults

from twistedsite.scripts.runners.interface import RunnerBusyError, ScriptCrashedError, ScriptTimeoutError
from twistedsite.scripts.runners.workers.server import pool, process
from twistedsite.scripts.runners.workers.server.link import WorkerLink
from twistedsite.scripts.runners.workers.wire.job_queue import JobQueue

pytestmark = pytest.mark.process

FOREVER = 3600.0
IN_A_WHILE = 2.0
"""Seconds in which a script has begun on a busy machine too."""
TURN = """
import os, pathlib, sys, time
what = environ["QUERY_STRING"]
with open(RAN, "a") as file:
    file.write(what + "\\n")
if what == "hang":
    while True: time.sleep(0.01)
if what == "regex":
    import re
    re.match("(a+)+$", "a" * 50 + "b")
if what == "leave":
    os._exit(3)
if what == "wait":
    while not os.path.exists(RAN + "-go"): time.sleep(0.01)
    os._exit(3)
if what == "body":
    sys.stdout.write(body.decode())
print(os.getpid())
"""


@pytest.fixture
def ran(tmp_path: Path) -> Callable[[], Counter[str]]:
    """`ran()`: how often `turn.py` has run with which query."""
    file = tmp_path / "ran"
    file.touch()
    return lambda: Counter(file.read_text().split())


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever has run once may wait for whatever has run once, in any number, until the other has ended."""
    monkeypatch.setattr(pool, "QUICK", FOREVER)
    monkeypatch.setattr(pool, "AHEAD", FOREVER)
    monkeypatch.setattr(process, "STALL", FOREVER)


@pytest.fixture
def wary(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `patient`, but those that wait are moved when the one before them takes longer than a moment."""
    monkeypatch.setattr(pool, "QUICK", FOREVER)
    monkeypatch.setattr(pool, "AHEAD", FOREVER)


async def known(runner: Any, root: Path, tmp_path: Path) -> str:
    """Write `turn.py` and run it once: then it is known to be quick. Returns the id of its worker."""
    (root / "turn.py").write_text(TURN.replace("RAN", repr(str(tmp_path / "ran"))))
    worker = await answer(runner, root, "turn.py", query="first")
    # On a busy machine it may have answered before the zygote has told of it.
    while any(process.pid is None for process in runner._pool.members):
        await nothing()
    return worker


async def nothing() -> None:
    """One turn of the reactor."""
    from twisted.internet import reactor

    turn: Deferred[None] = Deferred()
    reactor.callLater(0, turn.callback, None)
    await turn


def turn(runner: Any, root: Path, what: str, **changes: Any) -> Deferred[str]:
    """`turn.py`, begun."""
    return later(answer(runner, root, "turn.py", query=what, **changes))


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("patient")
async def test_scripts_that_are_known_to_be_quick_share_a_worker(pools: Pools, tmp_path: Path, ran: Any) -> None:
    async with pools(1, sandbox="off", max_workers=4) as (slots, [(runner, root)]):
        worker = await known(runner, root, tmp_path)
        asked = [turn(runner, root, f"{number}") for number in range(20)]
        assert (runner.health()["running"], runner.health()["queued"]) == (1, 19)
        assert set(await gatherResults(asked)) == {worker}
        assert slots.size == 1
        assert ran() == Counter(["first", *map(str, range(20))])


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("patient")
async def test_a_script_that_nobody_knows_waits_for_none_and_has_none_wait(pools: Pools, tmp_path: Path) -> None:
    async with pools(1, sandbox="off", max_workers=3) as (slots, [(runner, root)]):
        await known(runner, root, tmp_path)
        both = [turn(runner, root, "1"), later(answer(runner, root, "nap.py"))]
        assert slots.size == 2
        assert len(set(await gatherResults(both))) == 2
        (root / "new.py").write_text("import os\nprint(os.getpid())")
        both = [later(answer(runner, root, "new.py")), turn(runner, root, "2")]
        assert runner.health()["queued"] == 0
        assert len(set(await gatherResults(both))) == 2


@pytest_twisted.ensureDeferred
async def test_slow_scripts_do_not_wait_where_a_worker_is_to_be_had(pools: Pools) -> None:
    async with pools(1, max_workers=3) as (slots, [(runner, root)]):
        for _ in range(3):
            await answer(runner, root, "nap.py")
        naps = [later(answer(runner, root, "nap.py")) for _ in range(3)]
        assert slots.size == 3
        assert len(set(await gatherResults(naps))) == 3


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("wary")
@pytest.mark.parametrize("what", ["hang", "regex"])
async def test_who_waits_for_one_that_hangs_is_moved(pools: Pools, tmp_path: Path, ran: Any, what: str) -> None:
    async with pools(1, sandbox="off", max_workers=2) as (_, [(runner, root)]):
        worker = await known(runner, root, tmp_path)
        hanging = turn(runner, root, what)
        asked = [turn(runner, root, f"{number}") for number in range(10)]
        others = set(await gatherResults(asked))
        assert not hanging.called
        assert len(others) == 1
        assert worker not in others
        assert await turn(runner, root, "later") in others
        assert ran() == Counter(["first", what, *map(str, range(10)), "later"])
        hanging.cancel()
        with pytest.raises(CancelledError):
            await hanging


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("stall", [process.STALL, FOREVER])
async def test_a_deadline_is_the_hanging_ones_only_moved_before_or_not(
    pools: Pools, tmp_path: Path, ran: Any, monkeypatch: pytest.MonkeyPatch, stall: float
) -> None:
    monkeypatch.setattr(process, "STALL", stall)
    async with pools(1, sandbox="off", max_workers=1) as (_, [(runner, root)]):
        worker = await known(runner, root, tmp_path)
        hanging = turn(runner, root, "hang", timeout=IN_A_WHILE)
        asked = [turn(runner, root, f"{number}") for number in range(5)]
        with pytest.raises(ScriptTimeoutError):
            await hanging
        assert worker not in await gatherResults(asked)
        assert ran() == Counter(["first", "hang", *map(str, range(5))])


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("patient")
async def test_a_worker_that_leaves_at_its_first_script_takes_no_other_with_it(
    pools: Pools, tmp_path: Path, ran: Any
) -> None:
    async with pools(1, sandbox="off", max_workers=1) as (_, [(runner, root)]):
        await known(runner, root, tmp_path)
        with pytest.raises(ScriptCrashedError):
            await turn(runner, root, "leave")
        leaving = turn(runner, root, "wait")
        while "wait" not in ran():
            await nothing()
        asked = [turn(runner, root, f"{number}", method="POST") for number in range(5)]
        (tmp_path / "ran-go").touch()
        with pytest.raises(ScriptCrashedError, match="exit status 3"):
            await leaving
        assert len(set(await gatherResults(asked))) == 1
        assert ran() == Counter(["first", "leave", "wait", *map(str, range(5))])


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("patient")
async def test_a_worker_that_sends_for_ever_does_not_keep_the_server(
    pools: Pools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pools(1, sandbox="off", max_workers=1) as (_, [(runner, root)]):
        await known(runner, root, tmp_path)
        asked = [turn(runner, root, "hang"), turn(runner, root, "1")]
        # As if it had taken both from its socket, which scripts can.
        with monkeypatch.context() as taken:
            taken.setattr(JobQueue, "take_back", lambda queue: [])
            taken.setattr(WorkerLink, "read", lambda link: True)
            asked[1].cancel()
        with pytest.raises(CancelledError):
            await asked[1]
        with pytest.raises(ScriptCrashedError, match="because of another script"):
            await asked[0]


@pytest_twisted.ensureDeferred
async def test_a_script_that_reaches_no_worker_is_refused_and_the_next_one_runs(
    pools: Pools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pools(1, sandbox="off", max_workers=2) as (slots, [(runner, root)]):
        await known(runner, root, tmp_path)
        with monkeypatch.context() as full:
            full.setattr(JobQueue, "add", lambda queue, number, job, descriptor: False)
            with pytest.raises(RunnerBusyError, match="no worker can be reached"):
                await turn(runner, root, "1")
        assert await turn(runner, root, "2")
        while slots.size > 1:
            await nothing()


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("patient")
async def test_what_a_worker_cannot_be_sent_is_run_by_another(pools: Pools, tmp_path: Path, ran: Any) -> None:
    async with pools(1, sandbox="off", max_workers=2) as (_, [(runner, root)]):
        worker = await known(runner, root, tmp_path)
        (process,) = runner._pool.members
        process._queue._ours.shutdown(socket.SHUT_WR)
        asked = [turn(runner, root, f"{number}") for number in range(5)]
        assert worker not in await gatherResults(asked)
        assert ran() == Counter(["first", *map(str, range(5))])
        while process in runner._pool.members:
            await nothing()


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("patient")
async def test_who_goes_before_its_turn_costs_no_worker(pools: Pools, tmp_path: Path, ran: Any) -> None:
    async with pools(1, sandbox="off", max_workers=1) as (_, [(runner, root)]):
        worker = await known(runner, root, tmp_path)
        hanging = turn(runner, root, "hang", timeout=IN_A_WHILE)
        asked = [turn(runner, root, f"{number}") for number in range(5)]
        asked[2].cancel()
        with pytest.raises(CancelledError):
            await asked[2]
        assert runner.health()["running"] == 1
        with pytest.raises(ScriptTimeoutError):
            await hanging
        assert worker not in await gatherResults([asked[0], asked[1], asked[3], asked[4]])
        assert ran() == Counter(["first", "hang", "0", "1", "3", "4"])


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("patient")
async def test_the_first_one_costs_no_worker_either_as_long_as_it_has_not_begun(
    pools: Pools, tmp_path: Path, ran: Any
) -> None:
    async with pools(1, sandbox="off", max_workers=1) as (_, [(runner, root)]):
        worker = await known(runner, root, tmp_path)
        os.kill(int(worker), signal.SIGSTOP)
        asked = [turn(runner, root, f"{number}") for number in range(3)]
        asked[0].cancel()
        with pytest.raises(CancelledError):
            await asked[0]
        os.kill(int(worker), signal.SIGCONT)
        assert await gatherResults(asked[1:]) == [worker, worker]
        assert ran() == Counter(["first", "1", "2"])


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("patient")
async def test_when_the_first_ones_client_goes_the_others_are_answered(pools: Pools, tmp_path: Path, ran: Any) -> None:
    async with pools(1, sandbox="off", max_workers=1) as (_, [(runner, root)]):
        worker = await known(runner, root, tmp_path)
        hanging = turn(runner, root, "hang")
        asked = [turn(runner, root, f"{number}") for number in range(5)]
        while "hang" not in ran():
            await nothing()
        hanging.cancel()
        with pytest.raises(CancelledError):
            await hanging
        assert worker not in await gatherResults(asked)
        assert ran() == Counter(["first", "hang", *map(str, range(5))])


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("patient")
async def test_a_script_whose_client_goes_before_its_worker_is_there_is_not_run(
    pools: Pools, tmp_path: Path, ran: Any
) -> None:
    async with pools(1, sandbox="off", max_workers=1) as (_, [(runner, root)]):
        (root / "turn.py").write_text(TURN.replace("RAN", repr(str(tmp_path / "ran"))))
        unwanted = turn(runner, root, "unwanted")
        unwanted.cancel()
        with pytest.raises(CancelledError):
            await unwanted
        assert await turn(runner, root, "wanted")
        assert runner.health()["running"] == 0
        assert ran() == Counter(["wanted"])


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("wary")
async def test_a_body_is_moved_with_its_request(pools: Pools, tmp_path: Path) -> None:
    async with pools(1, sandbox="off", max_workers=2) as (_, [(runner, root)]):
        worker = await known(runner, root, tmp_path)
        (tmp_path / "upload").write_bytes(b"from a file " * 10_000)
        with (tmp_path / "upload").open("rb") as file:
            hanging = turn(runner, root, "hang")
            sinks = Sink(), Sink(), Sink()
            bodies = io.BytesIO(b"short"), io.BytesIO(b"long " * 100_000), file
            request = request_for(root, "turn.py", query="body", method="POST")
            await gatherResults([runner.run(request, *pair) for pair in zip(bodies, sinks, strict=True)])
        expected = b"short", b"long " * 100_000, b"from a file " * 10_000
        for sink, body in zip(sinks, expected, strict=True):
            assert sink.body.startswith(body)
            assert sink.body.removeprefix(body).decode() != worker
        hanging.cancel()
        with pytest.raises(CancelledError):
            await hanging


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(("fate", "said"), [("hang", "still running"), ("leave", "exit status 3")])
@pytest.mark.parametrize("size", [10, 500_000], ids=["post", "upload"])
async def test_posts_behind_one_that_ends_its_worker_run_once_with_their_own_bodies(
    pools: Pools, tmp_path: Path, ran: Any, fate: str, said: str, size: int
) -> None:
    async with pools(1, sandbox="off", max_workers=1) as (_, [(runner, root)]):
        worker = await known(runner, root, tmp_path)
        ending = turn(runner, root, fate, timeout=IN_A_WHILE)
        bodies = [b"%d" % number * size for number in range(5)]
        request = request_for(root, "turn.py", query="body", method="POST")
        sinks = [Sink() for _ in bodies]
        asked = [runner.run(request, io.BytesIO(body), sink) for body, sink in zip(bodies, sinks, strict=True)]
        with pytest.raises(ScriptTimeoutError if fate == "hang" else ScriptCrashedError, match=said):
            await ending
        await gatherResults(asked)
        pids = [sink.body.removeprefix(body).decode() for body, sink in zip(bodies, sinks, strict=True)]
        assert len(set(pids)) == 1
        assert pids[0].strip().isdigit()
        assert pids[0] != worker
        assert ran() == Counter(["first", fate, *["body"] * 5])


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("patient")
async def test_each_answer_is_its_own_requests_however_often_jobs_are_taken_back(
    pools: Pools, tmp_path: Path, ran: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "STALL", 0.0)
    async with pools(1, sandbox="off", max_workers=3) as (_, [(runner, root)]):
        await known(runner, root, tmp_path)
        (root / "say.py").write_text("print(environ['QUERY_STRING'])")
        await answer(runner, root, "say.py")
        for start in range(0, 600, 60):
            numbers = [str(number) for number in range(start, start + 60)]
            asked = [later(answer(runner, root, "say.py", query=number)) for number in numbers]
            leaving = turn(runner, root, "leave")
            with pytest.raises(ScriptCrashedError):
                await leaving
            assert await gatherResults(asked) == [number + "\n" for number in numbers]


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("patient")
async def test_no_worker_runs_more_than_its_number_of_requests(pools: Pools, tmp_path: Path, ran: Any) -> None:
    async with pools(1, sandbox="off", max_workers=2, max_requests=4) as (_, [(runner, root)]):
        workers = [await known(runner, root, tmp_path)]
        workers += await gatherResults([turn(runner, root, f"{number}") for number in range(15)])
        assert max(Counter(workers).values()) <= 4
        assert sum(ran().values()) == 16


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("patient")
async def test_where_each_request_has_its_own_process_none_waits_in_one(pools: Pools, tmp_path: Path) -> None:
    async with pools(1, sandbox="off", max_workers=2, reuse="per-request") as (_, [(runner, root)]):
        workers = [await known(runner, root, tmp_path)]
        workers += await gatherResults([turn(runner, root, f"{number}") for number in range(5)])
        assert len(set(workers)) == 6


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("patient")
async def test_stopping_ends_those_that_wait_too(pools: Pools, tmp_path: Path) -> None:
    async with pools(1, sandbox="off", max_workers=1) as (_, [(runner, root)]):
        await known(runner, root, tmp_path)
        asked = [turn(runner, root, what) for what in ("hang", "1", "2")]
        runner.stop()
        for one in asked:
            with pytest.raises(CancelledError):
                await one
