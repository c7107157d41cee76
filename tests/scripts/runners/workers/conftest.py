"""A folder to put scripts into, and a server that runs them in worker processes."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from twistedsite.testing.site import ServedSite, serving

Write = Callable[[str, str], None]
Serve = Callable[..., AbstractAsyncContextManager[ServedSite]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Puts a file into the site."""

    def write(name: str, text: str) -> None:
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    return write


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """`async with serve(**settings) as site`: the site, its scripts in workers."""
    (tmp_path / "site").mkdir(exist_ok=True)
    defaults: dict[str, Any] = {"isolation": "workers", "drain": "0s", "timeout": "20s"}

    @functools.wraps(serving)
    def serve(**settings: Any) -> AbstractAsyncContextManager[ServedSite]:
        return serving(tmp_path / "site", **{**defaults, **settings})

    return serve
