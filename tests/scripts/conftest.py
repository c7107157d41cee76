"""Every statement about scripts that is made of a served site is made twice: with threads and with workers."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from twistedsite.testing import serving

IN_ONE_PROCESS = {
    "test_scripts_that_run_at_once_are_each_main",
    "test_a_handler_first_asked_for_by_many_at_once_is_loaded_once",
    "test_an_edit_while_a_neighbour_is_being_loaded_fails_nobody",
    "test_an_edit_of_what_a_module_has_imported_while_it_still_loads_fails_nobody",
    "test_a_thread_that_a_script_leaves_behind_writes_into_no_page",
    "test_a_client_that_goes_away_cancels_its_script",
    "test_a_slow_client_makes_the_script_wait_and_gets_it_all",
    "test_a_generator_is_closed_when_its_client_goes_away",
    "test_a_coroutine_is_cancelled_when_its_time_is_up_or_its_client_goes_away",
    "test_the_first_print_sends_the_head_and_each_line_goes_straight_to_the_client",
}
"""Two scripts that run at once talk to each other by a module: that is possible in threads only."""

REACHING_OUT = {
    "test_a_script_deleted_while_it_runs_still_answers",
    "test_a_cancelled_script_saves_no_session",
}
"""Their scripts write files to tell the test where they are: the sandbox would not let them."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what serves a site in both ways, but for the tests of the runners themselves."""
    of_a_runner = "runners" in Path(metafunc.module.__file__ or "").parts
    if getattr(metafunc.module, "serving", None) is serving and not of_a_runner:
        ways = ["threads"] if metafunc.function.__name__ in IN_ONE_PROCESS else ["threads", "workers"]
        metafunc.parametrize("isolation", ways, indirect=True)


@pytest.fixture(autouse=True)
def isolation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the scripts of this test run."""
    where: Any = getattr(request, "param", "")
    if where:
        sandbox = "off" if request.function.__name__ in REACHING_OUT else "best-effort"
        monkeypatch.setattr(request.module, "serving", partial(serving, isolation=where, sandbox=sandbox))
    return str(where)
