"""The ends of scripts in the memory that a worker shares with the server: found when they are whole, else not."""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from hypothesis import example, given
from hypothesis import strategies as st
from jobs import Pools, answer, later
from twisted.internet.defer import Deferred, gatherResults

from twistedsite.scripts.runners.interface import ScriptCrashedError
from twistedsite.scripts.runners.workers.child import channel
from twistedsite.scripts.runners.workers.server import pool, process
from twistedsite.scripts.runners.workers.wire import answers

FOREVER = 3600.0


@contextlib.contextmanager
def shared(content: bytes = b"") -> Iterator[mmap.mmap]:
    with mmap.mmap(-1, answers.SIZE) as memory:
        memory[: len(content)] = content
        yield memory


def test_an_end_is_found_by_its_number_only() -> None:
    with shared() as memory:
        assert [answers.find(memory, number) for number in range(answers.SLOTS)] == [None] * answers.SLOTS
        answers.put(memory, 3, b"the third")
        assert answers.find(memory, 3) == b"the third"
        assert answers.find(memory, 2) is None
        assert answers.find(memory, 3 + answers.SLOTS) is None


def test_every_job_that_a_worker_may_have_has_a_place() -> None:
    numbers = range(1000, 1000 + answers.SLOTS)
    with shared() as memory:
        for number in numbers:
            answers.put(memory, number, b"%d" % number * 4)
        assert [answers.find(memory, number) for number in numbers] == [b"%d" % number * 4 for number in numbers]


def test_a_place_is_used_again() -> None:
    with shared() as memory:
        answers.put(memory, 5, b"a long one" * 10)
        answers.put(memory, 5 + answers.SLOTS, b"short")
        assert answers.find(memory, 5) is None
        assert answers.find(memory, 5 + answers.SLOTS) == b"short"


@pytest.mark.parametrize("length", [0, 1, answers.LONGEST])
def test_an_end_of_every_length_stays_in_its_place(length: int) -> None:
    with shared() as memory:
        for number in (0, 1, 2):
            answers.put(memory, number, b"x" * length)
        assert [answers.find(memory, number) for number in (0, 1, 2)] == [b"x" * length] * 3


@pytest.mark.process
@given(at=st.integers(0, 25), byte=st.integers(0, 255))
def test_an_end_that_is_not_whole_is_not_there(at: int, byte: int) -> None:
    with shared() as memory:
        answers.put(memory, 0, b"ten bytes.")
        changed = memory[at] != byte
        memory[at] = byte
        assert answers.find(memory, 0) == (None if changed else b"ten bytes.")


@given(st.binary(max_size=600))
@example(b"\x01")  # an empty end of the first job, with its checksum
def test_whatever_stands_there_nothing_else_is_found(content: bytes) -> None:
    with shared(content) as memory:
        found = answers.find(memory, 0)
        assert found is None or memory[16:].startswith(found)


TURN = """
import os, time
what = environ["QUERY_STRING"]
if what == "wait":
    while not os.path.exists(GO): time.sleep(0.001)
if what == "leave":
    os._exit(3)
if what == "cheat":
    os.write(3, b"no frame")
    time.sleep(1000)
if what == "hang":
    while os.path.exists(GO): time.sleep(0.001)
if what == "long":
    print("x" * 1000)
if what == "loud":
    import sys
    print("loud", file=sys.stderr)
print(what)
"""


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bell is rung only before a worker waits, and the server looks for nothing before that."""
    monkeypatch.setattr(pool, "QUICK", FOREVER)
    monkeypatch.setattr(pool, "AHEAD", FOREVER)
    monkeypatch.setattr(process, "STALL", FOREVER)
    monkeypatch.setattr(channel, "RING_AFTER", FOREVER)


async def known(runner: Any, root: Path) -> None:
    """Write `turn.py` and run it once: then it is known to be quick."""
    (root / "turn.py").write_text(TURN.replace("GO", repr(str(root / "go"))))
    await answer(runner, root, "turn.py", query="first")


def turn(runner: Any, root: Path, what: str) -> Deferred[str]:
    """`turn.py`, begun."""
    return later(answer(runner, root, "turn.py", query=what))


@pytest.mark.process
@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("last", ["leave", "cheat"])
async def test_ends_outlive_their_worker(pools: Pools, last: str) -> None:
    async with pools(1, sandbox="off", max_workers=1) as (_, [(runner, root)]):
        await known(runner, root)
        asked = [turn(runner, root, what) for what in ("wait", "2", "3", last, "5")]
        (root / "go").touch()
        with pytest.raises(ScriptCrashedError):
            await asked.pop(3)
        assert await gatherResults(asked) == ["wait\n", "2\n", "3\n", "5\n"]


@pytest.mark.process
@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("quiet")
async def test_ends_of_every_kind_come_in_their_order(pools: Pools) -> None:
    whats = ["1", "long", "2", "loud", "3", "long", "loud", "loud", "4", "5", *map(str, range(20))]
    async with pools(1, sandbox="off", max_workers=1) as (_, [(runner, root)]):
        await known(runner, root)
        for _ in range(3):
            texts = await gatherResults([turn(runner, root, what) for what in whats])
            assert [text.split()[-1] for text in texts] == [what if what != "long" else "long" for what in whats]


@pytest.mark.process
@pytest_twisted.ensureDeferred
async def test_an_end_is_not_kept_by_a_script_that_takes_long_after_it(
    pools: Pools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "QUICK", FOREVER)
    monkeypatch.setattr(pool, "AHEAD", FOREVER)
    monkeypatch.setattr(channel, "RING_AFTER", FOREVER)
    async with pools(1, sandbox="off", max_workers=1) as (_, [(runner, root)]):
        await known(runner, root)
        first, second = turn(runner, root, "wait"), turn(runner, root, "hang")
        (root / "go").touch()
        assert await first == "wait\n"
        assert not second.called
        (root / "go").unlink()
        assert await second == "hang\n"
