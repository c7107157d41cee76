"""What tests of remembered places and absences share."""

from __future__ import annotations

import pytest

from twistedsite.origins import version
from twistedsite.resources.mapping.place import Finder, Place


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that had to be looked up; files count as settled at once."""
    monkeypatch.setattr(version, "TICK_NS", -1)
    paths: list[str] = []

    find = Finder.find

    async def noted(finder: Finder) -> Place:
        paths.append("/".join(("", *finder._path)) + "/" * finder._slash)
        return await find(finder)

    monkeypatch.setattr(Finder, "find", noted)
    return paths
