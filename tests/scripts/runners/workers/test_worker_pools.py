"""How many workers there are, who gets one, and when one is replaced."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import pytest_twisted
from jobs import Pools, answer, later
from processes import ended
from twisted.internet.defer import gatherResults

from twistedsite.scripts.runners.interface import RunnerBusyError, ScriptCrashedError
from twistedsite.scripts.runners.workers.server import pool
from twistedsite.scripts.runners.workers.server import slots as slots_module
from twistedsite.settings.units import Duration

pytestmark = pytest.mark.process


@pytest_twisted.ensureDeferred
async def test_a_site_has_at_most_its_number_of_workers(pools: Pools) -> None:
    async with pools(1, max_workers=2) as (slots, [(runner, root)]):
        asking = [later(answer(runner, root, "nap.py")) for _ in range(8)]
        assert (slots.size, runner.health()["queued"]) == (2, 6)
        assert len(set(await gatherResults(asking))) == 2


@pytest_twisted.ensureDeferred
async def test_the_worker_used_last_is_used_first(pools: Pools) -> None:
    async with pools(1) as (slots, [(runner, root)]):
        await gatherResults([later(answer(runner, root, "nap.py")) for _ in range(3)])
        assert slots.size == 3
        assert len({await answer(runner, root, "pid.py") for _ in range(4)}) == 1


@pytest_twisted.ensureDeferred
async def test_a_full_queue_refuses(pools: Pools) -> None:
    async with pools(1, max_workers=1, queue=2) as (_, [(runner, root)]):
        asking = [later(answer(runner, root, "nap.py")) for _ in range(3)]
        with pytest.raises(RunnerBusyError):
            await answer(runner, root, "nap.py")
        await gatherResults(asking)


@pytest_twisted.ensureDeferred
async def test_who_does_not_want_to_wait_any_more_leaves_the_queue(pools: Pools) -> None:
    async with pools(1, max_workers=1) as (_, [(runner, root)]):
        asking = later(answer(runner, root, "nap.py"))
        waiting = later(answer(runner, root, "nap.py"))
        waiting.addErrback(lambda _: None)
        waiting.cancel()
        assert runner.health()["queued"] == 0
        await asking


@pytest_twisted.ensureDeferred
async def test_all_sites_together_have_at_most_the_total(pools: Pools) -> None:
    async with pools(12, total=3, max_workers=2) as (slots, sites):
        asking = [later(answer(runner, root, "page.py")) for _ in range(5) for runner, root in sites]
        assert slots.size == 3
        texts = await gatherResults(asking)
        assert slots.size <= 3
    assert texts == [f"{number}\n" for _ in range(5) for number in range(12)]


@pytest_twisted.ensureDeferred
async def test_the_worker_idle_for_longest_makes_room(pools: Pools) -> None:
    async with pools(3, total=2) as (slots, [(first, a), (second, b), (third, c)]):
        oldest = int(await answer(first, a, "pid.py"))
        younger = await answer(second, b, "pid.py")
        await answer(third, c, "pid.py")
        await ended(oldest)
        assert await answer(second, b, "pid.py") == younger
        assert slots.size == 2


@pytest_twisted.ensureDeferred
async def test_a_busy_site_hands_its_place_on_after_its_turn(pools: Pools) -> None:
    async with pools(2, total=1) as (_, [(busy, a), (other, b)]):
        asking = [later(answer(busy, a, "nap.py")) for _ in range(20)]
        assert await answer(other, b, "page.py") == "1\n"
        assert sum(not one.called for one in asking) > 5
        await gatherResults(asking)


@pytest_twisted.ensureDeferred
async def test_whose_scripts_come_one_after_the_other_keeps_the_worker_for_a_turn(
    pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "TURN", 3600.0)
    monkeypatch.setattr(slots_module, "LINGER", 3600.0)
    async with pools(2, total=1) as (slots, [(steady, a), (other, b)]):
        worker = await answer(steady, a, "pid.py")
        waiting = later(answer(other, b, "page.py"))
        for _ in range(3):
            assert await answer(steady, a, "pid.py") == worker
        assert not waiting.called
        monkeypatch.setattr(slots_module, "LINGER", 0.0)
        slots.make_room()
        assert await waiting == "1\n"


@pytest_twisted.ensureDeferred
async def test_a_worker_is_replaced_after_its_number_of_requests(pools: Pools) -> None:
    async with pools(1, max_requests=2) as (_, [(runner, root)]):
        pids = [await answer(runner, root, "pid.py") for _ in range(6)]
    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]


@pytest_twisted.ensureDeferred
async def test_a_process_for_each_request(pools: Pools) -> None:
    async with pools(1, reuse="per-request") as (_, [(runner, root)]):
        pids = [await answer(runner, root, "pid.py") for _ in range(4)]
    assert len(set(pids)) == 4


@pytest_twisted.ensureDeferred
async def test_a_worker_that_has_grown_is_replaced(pools: Pools) -> None:
    async with pools(1, memory=60_000_000) as (_, [(runner, root)]):
        (root / "helper.py").write_text("kept = b'x' * 80_000_000")
        (root / "grow.py").write_text("import os, helper\nprint(os.getpid())")
        first = int(await answer(runner, root, "grow.py"))
        await ended(first)
        assert int(await answer(runner, root, "pid.py")) != first


@pytest_twisted.ensureDeferred
async def test_a_worker_with_nothing_to_do_is_ended(pools: Pools) -> None:
    async with pools(1, idle=Duration(0.05)) as (_, [(runner, root)]):
        await ended(int(await answer(runner, root, "pid.py")))
        assert runner.health()["workers"] <= 1
        assert await answer(runner, root, "page.py") == "0\n"


@pytest_twisted.ensureDeferred
async def test_workers_that_die_at_once_are_not_made_again_and_again(pools: Pools, tmp_path: Path) -> None:
    async with pools(1) as (slots, [(runner, root)]):
        root.rename(tmp_path / "away")
        for _ in range(3):
            with pytest.raises(ScriptCrashedError):
                await answer(runner, root, "page.py")
        waiting = later(answer(runner, root, "page.py"))
        assert (slots.size, runner.health()["queued"]) == (0, 1)
        (tmp_path / "away").rename(root)
        assert await waiting == "0\n"


@pytest_twisted.ensureDeferred
async def test_where_no_worker_can_be_started_the_script_is_refused_and_the_next_one_runs(
    pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(uid: int | None) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with pools(1, total=1) as (slots, [(runner, root)]):
        with monkeypatch.context() as disk:
            disk.setattr(runner._services.folders, "make", full)
            with pytest.raises(RunnerBusyError, match="No space left on device"):
                await answer(runner, root, "page.py")
        assert slots.size == 0
        assert await answer(runner, root, "page.py") == "0\n"
