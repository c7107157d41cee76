"""Templates in a folder, filled in as the runner does it, without a server around it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock

from twistedsite.origins.local import LocalOrigin
from twistedsite.scripts.broker.background import InFlight, SiteBackground
from twistedsite.scripts.broker.direct import DirectBroker
from twistedsite.scripts.broker.storage import SiteStorage
from twistedsite.scripts.code.cache import CodeCache, file_version
from twistedsite.scripts.dialects import TEMPLATES
from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.messages.outcome import Outcome
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.scripts.messages.response import ResponseHead
from twistedsite.scripts.runners.run import finish_script, run_script
from twistedsite.sessions.memory import MemoryStore
from twistedsite.settings.server import BackgroundSettings, SessionSettings, StorageSettings


@dataclass
class Page:
    """What a template has sent; `outcome` says how it ended."""

    head: ResponseHead = field(default_factory=ResponseHead)
    body: bytes = b""
    outcome: Outcome | None = None

    def begin(self, head: ResponseHead) -> None:
        self.head = head

    def write(self, data: bytes) -> None:
        self.body += data

    def end(self, head: ResponseHead | None, body: bytes) -> None:
        self.head = head or self.head
        self.body += body

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode().lower(): value.decode() for name, value in self.head.headers}

    @property
    def fault(self) -> str:
        """Type, message and last frame of the failure, in one line."""
        assert self.outcome is not None
        assert self.outcome.report is not None
        report = self.outcome.report
        place = report.frames[-1]
        return f"{report.type}: {report.message} at {place.filename}:{place.line}"


class TemplateSite:
    """A folder with templates."""

    def __init__(self, root: Path, interpreters: Interpreters) -> None:
        self.root = root
        self.store = MemoryStore(SessionSettings(), Clock().seconds)
        files = SiteStorage(LocalOrigin(str(root)), StorageSettings(), Clock())
        self._broker = DirectBroker(
            self.store, files, SiteBackground("site", BackgroundSettings(), InFlight(1), Clock())
        )
        self._interpreters = interpreters
        self._time = 1_700_000_000

    def write(self, name: str, text: str | bytes) -> Path:
        """Make or change the file `name`; every writing has its own time."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        self._time += 1
        os.utime(path, (self._time, self._time))
        return path

    def ask(self, name: str, query: str = "", *, body: bytes = b"", **settings: Any) -> Page:
        """Fill in the template `name`; `settings` are fields of the ScriptRequest."""
        path = self.root / name
        fields: dict[str, Any] = {
            "root": str(self.root),
            "script": tuple(name.split("/")),
            "filename": str(path),
            "version": file_version(str(path)) if path.exists() else "",
            "dialect": TEMPLATES[path.suffix],
            "method": "POST" if body else "GET",
            "target": f"/{name}?{query}",
            "scheme": "http",
            "protocol": "HTTP/1.1",
            "host": "site.example",
            "server_name": "site.example",
            "server_port": 80,
            "client": "192.0.2.1",
            "script_name": f"/{name}",
            "path_info": "",
            "query": query,
            "headers": [("content-type", "application/x-www-form-urlencoded")] if body else [],
            "timeout": 5.0,
        }
        page = Page()
        exchange = Exchange(ScriptRequest(**{**fields, **settings}), io.BytesIO(body), page, self._broker)
        page.outcome = finish_script(exchange, run_script(exchange, self._interpreters))
        return page


@contextmanager
def templates(root: Path) -> Iterator[TemplateSite]:
    """A site over the folder `root`."""
    interpreters = Interpreters(CodeCache())
    try:
        yield TemplateSite(root, interpreters)
    finally:
        interpreters.close()
