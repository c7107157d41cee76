"""Pages that never end take turns, and are ended as any other while they are stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from computing import state_of
from processes import children, ended
from server_process import ANY_PORT, SERVE, running
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from twistedsite.scripts.runners.workers.scheduling import priority, turns

pytestmark = pytest.mark.quiet

SPIN = """
import os
while not os.path.exists("end"): pass
print(os.getpid())
"""
PAGES = 3
"""Pages that compute at once."""


async def until(what: Callable[[], object]) -> None:
    """Wait until `what()` is true."""
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end
        await deferLater(reactor, 0.01)


def stopped(pids: list[int]) -> list[int]:
    """Those of `pids` that are stopped."""
    found = []
    for pid in pids:
        with contextlib.suppress(OSError):
            if state_of(pid) == "T":
                found.append(pid)
    return found


async def stopped_before(answer: Deferred[Any], zygote: int) -> list[int]:
    """The workers of `zygote` that have been stopped, as soon as there are some; or none, when `answer` is there."""
    await until(lambda: stopped(children(zygote)) or answer.called)
    return stopped(children(zygote))


@pytest.fixture
def one_processor() -> Iterator[None]:
    """This thread, and what it starts, have only one."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [min(before)])
    yield
    os.sched_setaffinity(0, before)


@pytest.fixture
def nobody_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has the first turn keeps it."""
    monkeypatch.setattr(turns, "TURN", 10**6)
    monkeypatch.setattr(turns, "LONGEST", 10**6)


@pytest.fixture
def spinning(write: Any, serve: Any) -> Any:
    """`async with spinning() as (site, answers, workers)`: pages of which all but one are stopped just now."""
    write("spin.py", SPIN)
    write("zygote.py", "import os\nprint(os.getppid())")

    @contextlib.asynccontextmanager
    async def spinning(**settings: Any) -> Any:
        async with serve(sandbox="off", workers={"max_workers": PAGES, "quick": "1ms", **settings}) as site:
            zygote = int((await site.get("/zygote")).text)
            answers = [Deferred.fromCoroutine(site.get("/spin")) for _ in range(PAGES)]
            await until(lambda: len(stopped(children(zygote))) == PAGES - 1)
            yield site, answers, children(zygote)

    return spinning


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("one_processor")
async def test_pages_that_compute_for_long_all_come_to_their_end(write: Any, spinning: Any) -> None:
    async with spinning() as (site, answers, workers):
        write("end", "")
        told = {int(answer.text) for answer in await gatherResults(answers)}
        assert told == set(workers)
        assert stopped(workers) == []
        assert (await site.get("/zygote")).status == 200


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("one_processor")
async def test_each_of_them_gets_some_of_the_processor(write: Any, spinning: Any) -> None:
    async with spinning() as (_, answers, workers):
        before = {worker: priority.used(worker) for worker in workers}
        await until(lambda: all(priority.used(worker) > before[worker] + 0.02 for worker in workers))
        write("end", "")
        await gatherResults(answers)


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("one_processor")
async def test_without_precedence_nobody_is_stopped(write: Any, serve: Any) -> None:
    write("spin.py", SPIN)
    write("zygote.py", "import os\nprint(os.getppid())")
    async with serve(sandbox="off", workers={"max_workers": 2, "quick": "0s"}) as site:
        zygote = int((await site.get("/zygote")).text)
        answers = [Deferred.fromCoroutine(site.get("/spin")) for _ in range(2)]
        await until(lambda: len(children(zygote)) == 2)
        workers = children(zygote)
        seen: list[int] = []

        def enough() -> bool:
            seen.extend(stopped(workers))
            return min(map(priority.used, workers)) > 0.5

        await until(enough)
        write("end", "")
        await gatherResults(answers)
    assert seen == []


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("one_processor", "nobody_changes")
async def test_one_that_is_stopped_at_its_deadline_is_answered_504_and_the_log_has_its_line(
    write: Any, serve: Any, logged: list[str]
) -> None:
    write("spin.py", SPIN)
    write("impatient/spin.py", "while True: pass")
    write("zygote.py", "import os\nprint(os.getppid())")
    async with serve(sandbox="off", workers={"max_workers": 2, "quick": "1ms"}) as site:
        zygote = int((await site.get("/zygote")).text)
        other = Deferred.fromCoroutine(site.get("/spin"))
        await until(lambda: os.sched_getscheduler(children(zygote)[0]) == os.SCHED_IDLE)
        for seconds in (1, 3, 10):
            logged.clear()
            write("impatient/_folder.toml", f"timeout = '{seconds}s'")
            late = Deferred.fromCoroutine(site.get("/impatient/spin"))
            waits = await stopped_before(late, zygote)
            assert (await late).status == 504
            if waits:
                break
        assert len(waits) == 1
        await ended(waits[0])
        assert [line for line in logged if 'File "impatient/spin.py", line 1' in line]
        write("end", "")
        assert int((await other).text) not in waits


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("one_processor", "nobody_changes")
async def test_a_client_that_goes_away_ends_its_script_though_it_is_stopped(write: Any, serve: Any) -> None:
    write("spin.py", SPIN)
    write("zygote.py", "import os\nprint(os.getppid())")
    async with serve(sandbox="off", workers={"max_workers": 2, "quick": "1ms"}) as site:
        zygote = int((await site.get("/zygote")).text)
        connections = [await site.connect() for _ in range(2)]
        for connection in connections:
            connection.send(b"GET /spin HTTP/1.1\r\nHost: a\r\n\r\n")
        await until(lambda: stopped(children(zygote)))
        workers = children(zygote)
        for connection in connections:
            await connection.close()
        for worker in workers:
            await ended(worker)


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("one_processor", "nobody_changes")
async def test_pages_given_to_a_worker_that_is_stopped_are_answered(write: Any, serve: Any) -> None:
    """It is idle, and computes all the same: a script has left a thread."""
    write(
        "leave.py",
        """
        import glob, os, threading, time
        def spin():
            while True: pass
        threading.Thread(target=spin, daemon=True).start()
        open(f"{os.getpid()}.here", "w").close()
        while len(glob.glob("*.here")) < 2: time.sleep(0.001)
        print(os.getpid())
        """,
    )
    write("pid.py", "import os\nprint(os.getpid())")
    async with serve(sandbox="off", workers={"max_workers": 2, "quick": "1ms"}) as site:
        for _ in range(3):
            await site.get("/pid")  # it is known to be quick
        left = await gatherResults([Deferred.fromCoroutine(site.get("/leave")) for _ in range(2)])
        workers = [int(answer.text) for answer in left]
        assert len(set(workers)) == 2
        await until(lambda: stopped(workers))
        answers = await gatherResults([Deferred.fromCoroutine(site.get("/pid")) for _ in range(8)])
        assert {answer.status for answer in answers} == {200}
        assert {int(answer.text) for answer in answers} <= set(workers)


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("one_processor")
async def test_a_zygote_that_is_killed_takes_those_along_that_are_stopped(write: Any, spinning: Any) -> None:
    async with spinning() as (site, answers, workers):
        zygote = parent(workers[0])
        os.kill(zygote, signal.SIGKILL)
        assert {answer.status for answer in await gatherResults(answers)} == {502}
        for pid in (zygote, *workers):
            await ended(pid)
        write("end", "")
        assert (await site.get("/spin")).status == 200


def parent(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("one_processor")
async def test_a_server_that_stops_ends_those_that_are_stopped(spinning: Any) -> None:
    async with spinning() as (_, answers, workers):
        for answer in answers:
            answer.addErrback(lambda _: None)
    for worker in workers:
        await ended(worker)
    await gatherResults(answers)


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("one_processor")
async def test_a_server_that_is_killed_leaves_none_of_them_behind(write: Any, tmp_path: Path) -> None:
    write("spin.py", SPIN)
    options = ("--root", str(tmp_path / "site"), "--isolation", "workers", "--sandbox", "off")
    with running(*SERVE, *options, *ANY_PORT) as server:
        asking = [deferToThread(server.get, "spin") for _ in range(PAGES)]
        for asked in asking:
            asked.addErrback(lambda _: None)
        (zygote,) = children(server.process.pid)
        await until(lambda: stopped(children(zygote)))
        workers = children(zygote)
        server.process.kill()
        for pid in (zygote, *workers):
            await ended(pid)
        for asked in asking:
            await asked


@pytest_twisted.ensureDeferred
async def test_the_zygote_takes_no_stop_for_an_end(write: Any, serve: Any) -> None:
    write("pids.py", "import os\nprint(os.getpid(), os.getppid())")
    async with serve(sandbox="off") as site:
        worker, zygote = map(int, (await site.get("/pids")).text.split())
        for _ in range(5):
            os.kill(worker, signal.SIGSTOP)
            await until(lambda: state_of(worker) == "T")
            os.kill(worker, signal.SIGCONT)
            assert (await site.get("/pids")).text == f"{worker} {zygote}\n"
        os.kill(worker, signal.SIGKILL)
        await ended(worker)
        await until(lambda: worker not in children(zygote))
