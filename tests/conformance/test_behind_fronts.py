"""Behind nginx and behind haproxy, no request makes front and back disagree on where it ends.

The back numbers the requests that it sees. Were one hidden in another, from the front's point of view, the back would
answer more of them than the front passes on, and a later client would get the wrong answer.
"""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_twisted
from corpus import CORPUS, Case
from fronts import FRONTS
from ports import wait_for
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource
from twisted.web.server import Request

from benchmarks.process import free_port
from twistedsite.http.connection.body import ContentLimits
from twistedsite.http.site import Site
from twistedsite.settings.server import HttpLimits

pytestmark = pytest.mark.process

AFTER = b"GET /after HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"


def _smuggled(name: str, fields: bytes, content: bytes) -> Case:
    return Case(name, "11.2", b"POST / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n" + content)


SMUGGLING = [
    _smuggled("CL.TE", b"Content-Length: 38\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + HIDDEN),
    _smuggled("TE.CL", b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", b"21\r\n" + HIDDEN + b"\r\n0\r\n\r\n"),
    _smuggled("TE.TE", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", b"0\r\n\r\n" + HIDDEN),
    _smuggled("CL.CL", b"Content-Length: 0\r\nContent-Length: 33\r\n", HIDDEN),
    _smuggled("TE after a tab", b"Transfer-Encoding:\tchunked\r\nContent-Length: 38\r\n", b"0\r\n\r\n" + HIDDEN),
    _smuggled("TE behind a space", b"Content-Length: 38\r\nTransfer-Encoding : chunked\r\n", b"0\r\n\r\n" + HIDDEN),
    _smuggled("TE in a folded line", b"X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 33\r\n", HIDDEN),
    _smuggled("TE after LF", b"X: y\nTransfer-Encoding: chunked\r\nContent-Length: 38\r\n", b"0\r\n\r\n" + HIDDEN),
    _smuggled("a chunk's LF", b"Transfer-Encoding: chunked\r\n", b"2\nxx\r\n0\r\n\r\n" + HIDDEN),
    _smuggled(
        "an extension's LF", b"Transfer-Encoding: chunked\r\n", b"2;\nxx\r\n21\r\n0\r\n\r\n" + HIDDEN + b"0\r\n\r\n"
    ),
    _smuggled("a chunk's size with a sign", b"Transfer-Encoding: chunked\r\n", b"+21\r\n" + HIDDEN + b"\r\n0\r\n\r\n"),
    _smuggled("a size that wraps around", b"Transfer-Encoding: chunked\r\n", b"10000000000000000\r\n" + HIDDEN),
    _smuggled("an Expect with content", b"Expect: 100-continue\r\nContent-Length: 33\r\n", HIDDEN),
]


class Counting(Resource):
    """Numbers the requests in the order in which they arrive."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[bytes] = []

    def render(self, request: Request) -> bytes:
        self.seen.append(request.uri)
        return b"<%d %b>" % (len(self.seen), request.uri)


class Front(NamedTuple):
    port: int
    back: Counting


@pytest.fixture(params=FRONTS)
def front(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Front]:
    from twisted.internet import reactor

    back = Counting()
    site = Site(back, limits=HttpLimits(), content_limits=ContentLimits(100_000).for_any, reactor=reactor)
    listening = reactor.listenTCP(0, site, interface="127.0.0.1")
    port = free_port()
    process = subprocess.Popen(
        FRONTS[request.param](tmp_path, port, listening.getHost().port),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pytest_twisted.blockon(deferToThread(wait_for, port))
    yield Front(port, back)
    process.terminate()
    process.wait()
    pytest_twisted.blockon(listening.stopListening())
    pytest_twisted.blockon(site.drain(0))


def _exchange(port: int, data: bytes) -> bytes:
    """Send `data`; return all that comes back until the front closes, as it does after its own limits at the latest."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        try:
            client.sendall(data)
            while piece := client.recv(65536):
                received += piece
        except (ConnectionResetError, BrokenPipeError):
            return received
    return received


def _disagreements(port: int, back: Counting) -> list[str]:
    """In a thread: all cases one after the other, each followed by a harmless client."""
    found = []
    for case in CORPUS + SMUGGLING:
        before = len(back.seen)
        received = _exchange(port, case.data + AFTER)
        passed_on = [int(number) for number in re.findall(rb"<(\d+) [^>]*>", received)]
        if passed_on != list(range(before + 1, len(back.seen) + 1)):
            found.append(f"{case.name}: answered {back.seen[before:]}, passed on {received!r}")
        probe = b"/probe-%d" % len(back.seen)
        answer = _exchange(port, b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % probe)
        if not answer.endswith(b" %b>" % probe):
            found.append(f"{case.name}: the next client got {answer!r}")
    return found


@pytest_twisted.ensureDeferred
async def test_front_and_back_agree_on_where_each_request_ends(front: Front) -> None:
    assert await deferToThread(_disagreements, front.port, front.back) == []
