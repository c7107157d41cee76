"""How a script that swallows everything is stopped by `sys.monitoring`. What it does to real scripts is tested with the
thread runner, on whichever Python the suite runs."""

from __future__ import annotations

import sys
import threading
from types import CodeType

import pytest

from twistedsite.scripts.messages.outcome import ScriptStop
from twistedsite.scripts.runners.threads.monitoring import Pursuit

SWALLOWER = """
def run():
    while True:
        try:
            while True: beat()
        except BaseException: continue
run()
"""


class Runner(threading.Thread):
    """Runs a code in a thread that never ends by itself."""

    def __init__(self, code: CodeType) -> None:
        super().__init__(daemon=True)
        self.beating = threading.Event()
        self.stopped = threading.Event()
        self._code = code
        self.start()
        assert self.beating.wait(10)

    def run(self) -> None:
        try:
            exec(self._code, {"beat": self.beat})
        except ScriptStop:
            self.stopped.set()

    def beat(self) -> None:
        self.beating.set()

    def codes(self) -> list[CodeType]:
        """What it is running, without the test's own code."""
        assert self.ident is not None
        frame = sys._current_frames()[self.ident]
        found = []
        while frame is not None:
            if frame.f_code.co_filename == self._code.co_filename:
                found.append(frame.f_code)
            frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
        return found

    def beats_on(self) -> bool:
        self.beating.clear()
        return self.beating.wait(10)


def compiled() -> CodeType:
    return compile(SWALLOWER, "swallower", "exec")


def test_without_monitoring_it_says_that_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys, "monitoring", raising=False)
    assert not Pursuit().begin(threading.get_ident(), [compiled()])


@pytest.mark.python312
def test_the_pursued_thread_stops_and_another_one_that_runs_the_same_code_goes_on() -> None:
    code = compiled()
    pursued, other = Runner(code), Runner(code)
    pursuit = Pursuit()
    assert pursued.ident is not None
    assert pursuit.begin(pursued.ident, pursued.codes())
    assert pursued.stopped.wait(10)
    assert other.beats_on()
    pursuit.end(pursued.ident)
    assert other.ident is not None
    assert pursuit.begin(other.ident, other.codes())
    assert other.stopped.wait(10)
    pursuit.end(other.ident)


@pytest.mark.python312
def test_codes_that_are_equal_are_watched_each() -> None:
    runners = [Runner(compiled()), Runner(compiled())]
    pursuit = Pursuit()
    for runner in runners:
        assert runner.ident is not None
        assert pursuit.begin(runner.ident, runner.codes())
    assert all(runner.stopped.wait(10) for runner in runners)
    for runner in runners:
        assert runner.ident is not None
        pursuit.end(runner.ident)


@pytest.mark.python312
def test_when_nobody_is_pursued_the_tool_is_given_back() -> None:
    monitoring = getattr(sys, "monitoring")  # noqa: B009 - unknown to the type checker's Python 3.11
    runner = Runner(compiled())
    pursuit = Pursuit()
    assert runner.ident is not None
    assert pursuit.begin(runner.ident, runner.codes())
    assert [number for number in range(6) if monitoring.get_tool(number) == "twistedsite"] == [3]
    assert runner.stopped.wait(10)
    pursuit.end(runner.ident)
    assert [number for number in range(6) if monitoring.get_tool(number) == "twistedsite"] == []


@pytest.mark.python312
def test_where_others_have_all_tools_it_says_that_it_cannot() -> None:
    monitoring = getattr(sys, "monitoring")  # noqa: B009 - unknown to the type checker's Python 3.11
    for number in (3, 4):
        monitoring.use_tool_id(number, "another")
    try:
        assert not Pursuit().begin(threading.get_ident(), [compiled()])
    finally:
        for number in (3, 4):
            monitoring.free_tool_id(number)
