"""For tests below HTTP: a request to a script, and a sink that keeps the answer."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.scripts.messages.response import ResponseHead
from twistedsite.scripts.runners.workers.server.runner import WorkerRunner
from twistedsite.scripts.runners.workers.server.slots import WorkerSlots

HANGS_NOW = "hangs when it is asked"
SAYS_SO = f"print({HANGS_NOW!r}, environ['QUERY_STRING'], file=__import__('sys').stderr)"
"""What a script for the fixture `hung` does just before it hangs, in the same line where that line matters."""

Pools = Callable[..., AbstractAsyncContextManager[tuple[WorkerSlots, list[tuple[WorkerRunner, Path]]]]]


def request_for(root: Path, name: str, **changes: Any) -> ScriptRequest:
    """A GET of the script `name` in the site `root`."""
    values: dict[str, Any] = {
        "root": str(root),
        "script": (name,),
        "filename": str(root / name),
        "version": "1",
        "dialect": "printing",
        "method": "GET",
        "target": "/" + name,
        "scheme": "http",
        "protocol": "HTTP/1.1",
        "host": "localhost",
        "server_name": "localhost",
        "server_port": 80,
        "client": "127.0.0.1",
        "script_name": "/" + name,
        "path_info": "",
        "query": "",
        "headers": [],
        "timeout": 20.0,
    }
    return ScriptRequest(**{**values, **changes})


class Sink:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.head: ResponseHead | None = None
        self.body = b""

    def begin(self, head: ResponseHead) -> None:
        self.head = head

    def write(self, data: bytes) -> None:
        self.body += data

    def end(self, head: ResponseHead | None, body: bytes) -> None:
        self.head = head or self.head
        self.body += body

    def when_writable(self) -> Deferred[None] | None:
        return None


async def answer(runner: Any, root: Path, name: str, **changes: Any) -> str:
    """What the script `name` prints."""
    sink = Sink()
    await runner.run(request_for(root, name, **changes), io.BytesIO(), sink)
    return sink.body.decode()


def later(coroutine: Any) -> Deferred[Any]:
    """`coroutine`, begun."""
    return Deferred.fromCoroutine(coroutine)
