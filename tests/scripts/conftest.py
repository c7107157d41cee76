"""A test that serves a site runs its scripts in what its marker `isolation` names, one run for each."""

from __future__ import annotations

from functools import partial

import pytest

from twistedsite.testing import serving

WAYS = {"threads": "threads", "workers": pytest.param("workers", marks=pytest.mark.process)}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if marker := metafunc.definition.get_closest_marker("isolation"):
        metafunc.parametrize("isolation", [WAYS[way] for way in marker.args], indirect=True)


@pytest.fixture(autouse=True)
def isolation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What runs the scripts of this test: `threads` or `workers`."""
    way: str = getattr(request, "param", "threads")
    if marker := request.node.get_closest_marker("isolation"):
        monkeypatch.setattr(request.module, "serving", partial(serving, isolation=way, **marker.kwargs))
    return way
