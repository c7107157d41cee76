"""Files are compiled by any number of threads at once."""

from __future__ import annotations

import ast
import contextlib
import gc
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from twistedsite.scripts.code.cache import CodeCache

SOURCE = "import gate, helper\ngate.loading.set()\nassert gate.go.wait(20)\nvalue = helper.value\n"


class Garbage:
    """Refers to itself, so the collector finds it; which then runs Python code, in which threads take turns."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        for _ in range(200):
            pass


@pytest.fixture
def often_switched() -> Iterator[None]:
    """Threads take turns as often as Python lets them, and garbage is collected often."""
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(50)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*thresholds)


@pytest.mark.slow
@pytest.mark.usefixtures("often_switched")
def test_threads_that_compile_do_not_disturb_each_other_nor_does_code_that_parses(tmp_path: Path) -> None:
    """Where CPython has its fault (see `_parse`), dozens of these fail without the turns that ours take."""
    file = tmp_path / "x.py"
    file.write_text(SOURCE)
    cache = CodeCache()
    failures: list[Exception] = []
    ended = threading.Event()

    def compile_many(name: str) -> None:
        for number in range(4_000):
            Garbage()
            try:
                cache.get(str(file), f"{name} {number}")
            except Exception as error:
                failures.append(error)

    def parse_until_the_end() -> None:
        while not ended.is_set():
            # It may well fail itself.
            with contextlib.suppress(SystemError):
                ast.parse(SOURCE)

    compiling = [threading.Thread(target=compile_many, args=(name,)) for name in "abc"]
    parsing = threading.Thread(target=parse_until_the_end)
    for thread in (*compiling, parsing):
        thread.start()
    for thread in compiling:
        thread.join()
    ended.set()
    parsing.join()
    assert failures == []
