"""Both stores, under a clock that only the test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from twistedsite.sessions.interface import ServerSessionStore
from twistedsite.sessions.stores import open_store
from twistedsite.settings.server import SessionSettings


class HandClock:
    """A clock that `advance` moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=["memory", "sqlite"])
def make_store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock
) -> Iterator[Callable[..., ServerSessionStore]]:
    """Makes a store with the settings given by name."""
    made: list[ServerSessionStore] = []

    def make(**settings: Any) -> ServerSessionStore:
        spec = request.param if request.param == "memory" else f"sqlite:{tmp_path}/sessions.db"
        made.append(open_store(spec, SessionSettings(**settings), clock))
        return made[-1]

    yield make
    for store in made:
        store.close()
