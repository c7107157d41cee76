"""A folder to put scripts into, and a server that runs them in worker processes."""

from __future__ import annotations

import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from jobs import HANGS_NOW, Pools
from twisted.logger import formatEvent, globalLogPublisher

from twistedsite.origins.local import LocalOrigin
from twistedsite.scripts.broker.background import InFlight, SiteBackground
from twistedsite.scripts.broker.direct import DirectBroker
from twistedsite.scripts.broker.storage import SiteStorage
from twistedsite.scripts.runners.workers.server.runner import WorkerRunner
from twistedsite.scripts.runners.workers.server.services import WorkerServices
from twistedsite.scripts.runners.workers.server.slots import WorkerSlots
from twistedsite.sessions.memory import MemoryStore
from twistedsite.settings.server import (
    BackgroundSettings,
    SandboxLevel,
    SessionSettings,
    StorageSettings,
    WorkerSettings,
)
from twistedsite.testing.site import Response, ServedSite, serving

Write = Callable[[str, str], None]
Serve = Callable[..., AbstractAsyncContextManager[ServedSite]]
Hung = Callable[..., Awaitable[Response]]


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
def hung(write: Write, impatient: str, logged: list[str]) -> Hung:
    """`await hung(site, **asked)`: the answer for `hang.py` in the folder `impatient` when its time was up, and it had
    logged that it would hang now. On a busy machine it is asked again, and has more time, until it gets as far as that.
    """

    async def hung(site: ServedSite, **asked: Any) -> Response:
        for seconds in (0.3, 1, 3, 10, 30):
            write(f"{impatient}/_folder.toml", f"timeout = '{seconds}s'")
            answer = await site.get(f"/{impatient}/hang?{seconds}", **asked)
            if any(f"{HANGS_NOW} {seconds}" in line for line in logged):
                break
        return answer

    return hung


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What the server's log gets while the test runs."""
    lines: list[str] = []

    def keep(event: Any) -> None:
        lines.append(formatEvent(event))

    globalLogPublisher.addObserver(keep)
    yield lines
    globalLogPublisher.removeObserver(keep)


@pytest.fixture
def pools(tmp_path: Path) -> Pools:
    """`async with pools(3, total=2) as (slots, sites)`: three sites that share the slots for workers."""

    @asynccontextmanager
    async def pools(
        count: int, sandbox: SandboxLevel = "best-effort", **settings: Any
    ) -> AsyncIterator[tuple[WorkerSlots, list[tuple[WorkerRunner, Path]]]]:
        from twisted.internet import reactor

        store = MemoryStore(SessionSettings(), lambda: 0.0)
        own = WorkerSettings(**settings)
        services = WorkerServices(reactor, own, 256 * 1024, sandbox)  # type: ignore[arg-type]  # mypy's reactor has no threads
        sites = []
        for number in range(count):
            root = tmp_path / f"site{number}"
            root.mkdir()
            (root / "page.py").write_text(f"print({number})")
            (root / "pid.py").write_text("import os\nprint(os.getpid())")
            (root / "nap.py").write_text("import os, time\ntime.sleep(0.02)\nprint(os.getpid())")
            files = SiteStorage(LocalOrigin(str(root)), StorageSettings(), reactor)
            requests = SiteBackground(f"site{number}", BackgroundSettings(), InFlight(1), reactor)
            sites.append(
                (WorkerRunner(services, f"site{number}", str(root), DirectBroker(store, files, requests)), root)
            )
        try:
            yield services.slots, sites
        finally:
            for runner, _ in sites:
                runner.stop()
            services.stop()

    return pools
