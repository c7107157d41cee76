"""The stores that sessions are tested on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from visits import Watched

from twistedsite.sessions.interface import SessionStore
from twistedsite.sessions.stores import open_store
from twistedsite.settings.server import SessionSettings


@pytest.fixture
def store() -> Watched:
    return Watched()


@pytest.fixture(params=["memory", "sqlite"])
def each_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SessionStore]:
    spec = "memory" if request.param == "memory" else f"sqlite:{tmp_path}/s.db"
    store = open_store(spec, SessionSettings(), lambda: 0.0)
    yield store
    store.close()
