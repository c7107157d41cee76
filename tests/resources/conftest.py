"""What tests of remembered places and absences share."""

from __future__ import annotations

from typing import Any

import pytest

from twistedsite.origins import version
from twistedsite.resources.cache import signatures
from twistedsite.resources.mapping import folder, place


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that had to be looked up; files count as settled at once."""
    monkeypatch.setattr(signatures, "SETTLED", -60.0)
    monkeypatch.setattr(version, "TICK_NS", -1)
    paths: list[str] = []

    async def find(path: tuple[str, ...], slash: bool, *more: Any) -> place.Place:
        paths.append("/".join(("", *path)) + "/" * slash)
        return await place.find(path, slash, *more)

    monkeypatch.setattr(folder, "find", find)
    return paths
