"""Small helpers of tests that serve a folder by `twistedsite.testing`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from twisted.logger import capturedLogs, formatEvent


def write(root: Path, name: str, content: str | bytes = "") -> Path:
    """Make or replace the file `name` below `root`."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def next_tick(folder: Path) -> None:
    """Wait until a change in `folder` can be told by its time from those before: file systems' clocks tick slowly.

    For tests in which files count as settled at once.
    """
    probe = folder.with_name(f"{folder.name}.tick")
    probe.touch()
    before = probe.stat().st_ctime_ns
    while probe.stat().st_ctime_ns == before:
        probe.touch()


@contextlib.contextmanager
def logged() -> Iterator[Callable[[], str]]:
    """Keep what is logged; yields a function that returns all of it so far as text."""
    with capturedLogs() as events:
        yield lambda: "\n".join(formatEvent(event) for event in events)
