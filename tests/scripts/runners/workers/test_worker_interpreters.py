"""Named interpreters have workers of their own, within what the site may have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import pytest_twisted
from processes import ended
from twisted.internet.defer import Deferred, gatherResults

from twistedsite.testing import ServedSite

pytestmark = pytest.mark.process

PID = "import os\nprint(os.getpid())"
NAP = "import os, time\ntime.sleep(0.02)\nprint(os.getpid())"


@pytest.fixture
def folders(write: Callable[[str, str], None]) -> None:
    """`a` and `b` have the interpreter x, `c` has y, `d` and `e` have none."""
    for folder, name in (("a", "x"), ("b", "x"), ("c", "y"), ("d", ""), ("e", "")):
        write(f"{folder}/_folder.toml", f"interpreter = '{name}'")
        write(f"{folder}/pid.py", PID)
        write(f"{folder}/nap.py", NAP)


async def pid(site: ServedSite, folder: str, script: str = "pid") -> int:
    answer = await site.get(f"/{folder}/{script}.py")
    assert answer.status == 200, answer.text
    return int(answer.text)


@pytest.mark.usefixtures("folders")
@pytest_twisted.ensureDeferred
async def test_each_name_has_a_worker_of_its_own_and_keeps_it(serve: Callable[..., Any]) -> None:
    async with serve(workers={"max_workers": 3}) as site:
        first = {folder: await pid(site, folder) for folder in "abcde"}
        assert first["a"] == first["b"]
        assert first["d"] == first["e"]
        assert len(set(first.values())) == 3
        for folder in "cadbe":
            assert await pid(site, folder) == first[folder]


@pytest.mark.usefixtures("folders")
@pytest_twisted.ensureDeferred
async def test_where_a_site_has_one_place_an_idle_worker_makes_room_for_another_name(serve: Callable[..., Any]) -> None:
    async with serve(workers={"max_workers": 1}) as site:
        first = await pid(site, "a")
        second = await pid(site, "c")
        assert second != first
        await ended(first)
        assert await pid(site, "c") == second
        assert await pid(site, "d") not in (first, second)


@pytest.mark.usefixtures("folders")
@pytest_twisted.ensureDeferred
async def test_names_that_wait_for_one_place_take_turns_and_all_are_answered(serve: Callable[..., Any]) -> None:
    async with serve(workers={"max_workers": 1}) as site:
        waiting = [Deferred.fromCoroutine(pid(site, folder, "nap")) for folder in "acd" * 10]
        by_name = await gatherResults(waiting)
        assert len({*by_name[0::3]} & {*by_name[1::3]}) == 0
        # They are not given a new worker for each script: a name keeps its place for its turn.
        assert len(set(by_name)) < len(by_name)


@pytest.mark.usefixtures("folders")
@pytest_twisted.ensureDeferred
async def test_a_name_that_is_busy_does_not_keep_the_others_waiting(serve: Callable[..., Any]) -> None:
    others_are_there = True
    seen = set()

    async def ask_on() -> None:
        while others_are_there:
            seen.add(await pid(site, "a", "nap"))

    async with serve(workers={"max_workers": 2, "total": 2}) as site:
        # More than there are workers: some of these wait at any time, until the other name has had its turn.
        busy = [Deferred.fromCoroutine(ask_on()) for _ in range(6)]
        other = await pid(site, "c")
        others_are_there = False
        await gatherResults(busy)
    assert other not in seen
