"""What holds for every test."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from twisted.logger import STDLibLogObserver, globalLogPublisher

# The same examples in every run, and no deadline: the speed of this machine is not what they test.
settings.register_profile("project", derandomize=True, deadline=None)
settings.load_profile("project")

# A run that a shell has begun in its background ignores SIGINT, and so would every server that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# With a test that fails, pytest shows what was logged: the answer to a client tells a reference only.
globalLogPublisher.addObserver(STDLibLogObserver())

PROCESS_STARTS = {"subprocess.Popen", "os.fork", "os.posix_spawn"}
"""Events that Python tells its audit hooks."""

_without_process: list[str] = []
"""The test that runs, if it may start no process."""


def _audit(event: str, arguments: Any) -> None:
    if event in PROCESS_STARTS and _without_process:
        raise RuntimeError(f"{_without_process[0]} starts a process: mark it `process`")


sys.addaudithook(_audit)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On an older Python, leave out the tests that need a newer one: `make test` runs them where there is one."""
    if sys.version_info < (3, 12):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("python312")])
        items[:] = [item for item in items if not item.get_closest_marker("python312")]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Hold what the markers say: only tests with `browser`, `process` or `quiet` start processes."""
    if not any(item.get_closest_marker(name) for name in ("browser", "process", "quiet")):
        _without_process.append(item.nodeid)
    try:
        return (yield)
    finally:
        _without_process.clear()
