"""One line for each response, whatever the client sends, the disk does or the operator moves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from rawclient import RawClient
from serving import Serve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from twistedsite.http import access_log as accesslog
from twistedsite.http.access_log import AccessLog, combined
from twistedsite.http.message.head import printable
from twistedsite.http.message.response import PreparedResponse

ENTRY = (1_795_405_834.5, b"192.0.2.1", b'"GET / HTTP/1.1"', 200, 5, b'"-" "-"', b"-")


class Inline(Clock):
    """A reactor whose threads are done at once."""

    def callInThread(self, callable: Any, *args: Any) -> None:
        callable(*args)

    def callFromThread(self, callable: Any, *args: Any) -> None:
        callable(*args)


class Hello(Resource):
    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        return b"hello"


@pytest_twisted.ensureDeferred
async def test_each_response_is_one_line(serve: Serve, tmp_path: Path) -> None:
    from twisted.internet import reactor

    log = AccessLog(str(tmp_path / "log"), reactor)  # type: ignore[arg-type]  # mypy's reactor has no threads
    fast = PreparedResponse(b"HTTP/1.1 200 OK\r\n", b"fast")
    _, port = serve(Hello(), access_log=log, quick_answer=lambda head, _: fast if head.path == b"/fast" else None)
    client = await RawClient.connect(
        port,
        b'GET /a?b HTTP/1.1\r\nHost: a\r\nReferer: http://x/\r\nUser-Agent: Me "2"\x80\r\n\r\n',
        b"HEAD /fast HTTP/1.1\r\nHost: a\r\n\r\nGET /fast HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    )
    await client.until_closed()
    log.close()
    lines = (tmp_path / "log").read_text().splitlines()
    assert re.fullmatch(
        r'127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}(:\d\d){3} \+0000\] "GET /a\?b HTTP/1\.1" 200 5 '
        r'"http://x/" "Me \\x222\\x22\\x80"',
        lines[0],
    )
    assert '"HEAD /fast HTTP/1.1" 200 0 "-" "-"' in lines[1]
    assert '"GET /fast HTTP/1.1" 200 4 ' in lines[2]
    assert '"-" 400 0 "-" "-"' in lines[3]


@pytest_twisted.ensureDeferred
async def test_a_client_that_goes_away_is_logged_with_499(serve: Serve, tmp_path: Path) -> None:
    from twisted.internet import reactor

    class Never(Resource):
        isLeaf = True
        arrived: Deferred[None] = Deferred()
        gone: Deferred[None] = Deferred()

        def render_GET(self, request: Request) -> int:
            request.notifyFinish().addErrback(lambda _: self.gone.callback(None))
            self.arrived.callback(None)
            return NOT_DONE_YET

    log = AccessLog(str(tmp_path / "log"), reactor)  # type: ignore[arg-type]  # mypy's reactor has no threads
    _, port = serve(Never(), access_log=log)
    client = await RawClient.connect(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await Never.arrived
    client.transport.abortConnection()
    await Never.gone
    log.close()
    assert '"GET / HTTP/1.1" 499 0 ' in (tmp_path / "log").read_text()


def test_a_line_cannot_be_forged() -> None:
    assert printable(b'\x1b[31m"\n\\ \xe4') == b"\\x1b[31m\\x22\\x0a\\x5c \\xe4"
    assert b"[23/Nov/2026:" in combined(ENTRY)


def test_lines_are_written_soon_and_at_the_end(tmp_path: Path) -> None:
    reactor = Inline()
    log = AccessLog(str(tmp_path / "log"), reactor)
    log.add(ENTRY)
    assert not (tmp_path / "log").exists()
    reactor.advance(accesslog.FLUSH_SECONDS)
    assert (tmp_path / "log").read_bytes() == combined(ENTRY)
    log.add(ENTRY)
    log.close()
    assert (tmp_path / "log").read_bytes() == combined(ENTRY) * 2
    assert reactor.getDelayedCalls() == []


def test_many_lines_are_written_at_once(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "log"), Inline())
    for _ in range(accesslog.FLUSH_ENTRIES):
        log.add(ENTRY)
    assert (tmp_path / "log").read_bytes() == combined(ENTRY) * accesslog.FLUSH_ENTRIES
    log.close()


def test_a_log_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    reactor = Inline()
    log = AccessLog(str(tmp_path / "log"), reactor)
    log.add(ENTRY)
    reactor.advance(accesslog.FLUSH_SECONDS)
    (tmp_path / "log").rename(tmp_path / "log.1")
    log.add(ENTRY)
    log.close()
    assert (tmp_path / "log").read_bytes() == (tmp_path / "log.1").read_bytes() == combined(ENTRY)


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "nowhere" / "log"), Inline())
    log.add(ENTRY)
    log.close()


def test_a_disk_that_hangs_costs_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accesslog, "MOST_ENTRIES", 600)
    reactor = Inline()
    hanging: list[Any] = []
    monkeypatch.setattr(reactor, "callInThread", lambda callable, *args: hanging.append((callable, args)))
    log = AccessLog(str(tmp_path / "log"), reactor)
    for _ in range(2000):
        log.add(ENTRY)
    assert len(log._entries) == 600
    log.close()
    for write, args in hanging:
        write(*args)
    assert (tmp_path / "log").read_bytes() == combined(ENTRY) * 1112


def test_the_log_can_go_to_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    log = AccessLog("-", Inline())
    log.add(ENTRY)
    log.close()
    assert capfdbinary.readouterr().out == combined(ENTRY)
