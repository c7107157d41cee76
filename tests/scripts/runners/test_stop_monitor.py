"""How a script that swallows everything is stopped by `sys.monitoring`. What it does to real scripts is tested with the
thread runner, on whichever Python the suite runs."""

from __future__ import annotations

import sys
import threading
from types import CodeType

import pytest

from twistedsite.scripts.messages.outcome import ScriptStop
from twistedsite.scripts.runners.threads.monitoring import StopMonitor

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


def test_without_sys_monitoring_it_cannot_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys, "monitoring", raising=False)
    assert not StopMonitor().begin(threading.get_ident(), [compiled()])


@pytest.mark.python312
def test_the_monitored_thread_stops_and_another_one_that_runs_the_same_code_goes_on() -> None:
    code = compiled()
    first, other = Runner(code), Runner(code)
    monitor = StopMonitor()
    assert first.ident is not None
    assert monitor.begin(first.ident, first.codes())
    assert first.stopped.wait(10)
    assert other.beats_on()
    monitor.end(first.ident)
    assert other.ident is not None
    assert monitor.begin(other.ident, other.codes())
    assert other.stopped.wait(10)
    monitor.end(other.ident)


@pytest.mark.python312
def test_equal_codes_are_each_monitored() -> None:
    runners = [Runner(compiled()), Runner(compiled())]
    monitor = StopMonitor()
    for runner in runners:
        assert runner.ident is not None
        assert monitor.begin(runner.ident, runner.codes())
    assert all(runner.stopped.wait(10) for runner in runners)
    for runner in runners:
        assert runner.ident is not None
        monitor.end(runner.ident)


@pytest.mark.python312
def test_when_no_thread_is_monitored_the_tool_is_given_back() -> None:
    monitoring = getattr(sys, "monitoring")  # noqa: B009 - unknown to the type checker's Python 3.11
    runner = Runner(compiled())
    monitor = StopMonitor()
    assert runner.ident is not None
    assert monitor.begin(runner.ident, runner.codes())
    assert [number for number in range(6) if monitoring.get_tool(number) == "twistedsite"] == [3]
    assert runner.stopped.wait(10)
    monitor.end(runner.ident)
    assert [number for number in range(6) if monitoring.get_tool(number) == "twistedsite"] == []


@pytest.mark.python312
def test_where_others_use_all_tool_ids_it_cannot_begin() -> None:
    monitoring = getattr(sys, "monitoring")  # noqa: B009 - unknown to the type checker's Python 3.11
    for number in (3, 4):
        monitoring.use_tool_id(number, "another")
    try:
        assert not StopMonitor().begin(threading.get_ident(), [compiled()])
    finally:
        for number in (3, 4):
            monitoring.free_tool_id(number)
