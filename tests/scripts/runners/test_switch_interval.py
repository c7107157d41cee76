"""How the switch interval follows the jobs, where the order of two threads matters."""

from __future__ import annotations

import threading

import pytest

from twistedsite.scripts.runners.threads.switch_interval import SwitchInterval


def test_a_stop_just_before_its_thread_waits_ends_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    overtaken = threading.Event()
    stopping = threading.Thread(target=lambda: interval.stop(), daemon=True)

    class Wanted(threading.Event):
        def clear(self) -> None:
            if not overtaken.is_set():
                stopping.start()
                overtaken.wait(10)
            super().clear()

        def set(self) -> None:
            super().set()
            if threading.current_thread() is stopping:
                overtaken.set()

    with monkeypatch.context() as context:
        context.setattr("twistedsite.scripts.runners.threads.switch_interval.threading.Event", Wanted)
        interval = SwitchInterval(frozenset)
    interval.job_begins()
    assert overtaken.wait(10)
    stopping.join(10)
    assert not stopping.is_alive()
