"""How long a script is expected to take: by its last runs, of which one says little."""

from __future__ import annotations

import pytest

from twistedsite.scripts.runners.workers.server.run_times import RunTimes


def test_a_script_is_expected_to_take_what_its_last_runs_took() -> None:
    times = RunTimes()
    assert times.expected("a") == float("inf")
    for _ in range(50):
        times.note("a", 0.004)
    assert times.expected("a") == pytest.approx(0.004)
    assert times.expected("b") == float("inf")
    for _ in range(50):
        times.note("a", 0.001)
    assert times.expected("a") == pytest.approx(0.001, rel=0.01)


def test_one_slow_run_does_not_make_a_quick_script_a_slow_one() -> None:
    times = RunTimes()
    times.note("a", 0.0001)
    times.note("a", 1.0)
    assert times.expected("a") == pytest.approx(0.0002)
    for _ in range(20):
        times.note("a", 1.0)
    assert times.expected("a") > 0.5
