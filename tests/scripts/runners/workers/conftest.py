"""A folder to put scripts into, and a server that runs them in worker processes."""

from __future__ import annotations

import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import formatEvent, globalLogPublisher

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
def serve(tmp_path: Path, write: Write) -> Serve:
    """`async with serve(**settings) as site`: the site, its scripts in workers, the first of which is there."""

    @asynccontextmanager
    async def serve(**settings: Any) -> AsyncIterator[ServedSite]:
        write("ready.py", "print('ready')")
        async with serving(tmp_path / "site", **{"isolation": "workers", "drain": "0s", **settings}) as site:
            await site.get("/ready")
            yield site

    return serve


@pytest.fixture
def impatient(write: Write) -> str:
    """The name of a folder whose scripts have 0.3 seconds."""
    write("impatient/_folder.toml", "timeout = '0.3s'")
    return "impatient"


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What the server's log gets while the test runs."""
    lines: list[str] = []

    def keep(event: Any) -> None:
        lines.append(formatEvent(event))

    globalLogPublisher.addObserver(keep)
    yield lines
    globalLogPublisher.removeObserver(keep)
