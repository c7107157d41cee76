"""Resources written for Twisted's own server run unchanged on ours."""

from __future__ import annotations

import base64
import os
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

import pytest_twisted
import treq
from klein import Klein
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.twisted import MetricsResource
from rawclient import RawClient
from serving import Serve
from twisted.internet.defer import Deferred
from twisted.web.resource import EncodingResourceWrapper, Resource
from twisted.web.server import GzipEncoderFactory, Request
from twisted.web.util import Redirect
from twisted.web.websocket import WebSocketResource, WebSocketServerFactory, WebSocketTransport
from twisted.web.wsgi import WSGIResource

with warnings.catch_warnings():
    # These modules of Twisted use what Twisted has deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from twisted.web.proxy import ReverseProxyResource
    from twisted.web.static import File


async def fetch(method: str, port: int, path: str, **options: Any) -> tuple[Any, bytes]:
    response = await treq.request(method, f"http://127.0.0.1:{port}{path}", persistent=False, **options)
    return response, await response.content()


@pytest_twisted.ensureDeferred
async def test_a_klein_app(serve: Serve) -> None:
    app = Klein()

    @app.route("/hello/<name>", methods=["GET"])
    def hello(request: Request, name: str) -> str:
        return f"Hello, {name}, {request.args[b'x']}"

    @app.route("/later", methods=["POST"])
    async def later(request: Request) -> bytes:
        await _turn()
        return b"<" + request.content.read() + b">"

    _, port = serve(app.resource())
    _, body = await fetch("GET", port, "/hello/me?x=1;y")
    assert body == b"Hello, me, [b'1;y']"
    _, body = await fetch("POST", port, "/later", data=b"abc")
    assert body == b"<abc>"
    response, _ = await fetch("GET", port, "/nowhere")
    assert response.code == 404


async def _turn() -> None:
    from twisted.internet import reactor

    turn: Deferred[None] = Deferred()
    cast(Any, reactor).callLater(0, turn.callback, None)
    await turn


@pytest_twisted.ensureDeferred
async def test_prometheus_metrics(serve: Serve) -> None:
    registry = CollectorRegistry()
    Counter("seen", "Things seen.", registry=registry).inc()
    root = Resource()
    root.putChild(b"metrics", MetricsResource(registry))
    _, port = serve(root)
    _, body = await fetch("GET", port, "/metrics")
    assert b"seen_total 1.0" in body


@pytest_twisted.ensureDeferred
async def test_a_wsgi_application(serve: Serve) -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("201 Created", [("Content-Type", "text/plain"), ("X-Query", environ["QUERY_STRING"])])
        return [environ["REQUEST_METHOD"].encode(), b" ", environ["PATH_INFO"].encode(), environ["wsgi.input"].read()]

    from twisted.internet import reactor

    _, port = serve(WSGIResource(reactor, cast(Any, reactor).getThreadPool(), application))
    response, body = await fetch("POST", port, "/a/b?c=d", data=b"xyz")
    assert (response.code, body) == (201, b"POST /a/bxyz")
    assert response.headers.getRawHeaders("x-query") == ["c=d"]


@pytest_twisted.ensureDeferred
async def test_static_files_and_ranges(serve: Serve, tmp_path: Path) -> None:
    content = os.urandom(300_000)
    (tmp_path / "a.bin").write_bytes(content)
    _, port = serve(File(str(tmp_path)))
    response, body = await fetch("GET", port, "/a.bin")
    assert body == content
    assert response.length == 300_000
    response, body = await fetch("GET", port, "/a.bin", headers={"Range": "bytes=1000-1999"})
    assert (response.code, body) == (206, content[1000:2000])
    _, body = await fetch("HEAD", port, "/a.bin")
    assert body == b""
    modified = response.headers.getRawHeaders("last-modified")[0]
    response, body = await fetch("GET", port, "/a.bin", headers={"If-Modified-Since": modified})
    assert (response.code, body) == (304, b"")


@pytest_twisted.ensureDeferred
async def test_a_reverse_proxy(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "big.txt").write_bytes(b"x" * 500_000)
    _, inner = serve(File(str(tmp_path)))
    _, port = serve(ReverseProxyResource("127.0.0.1", inner, b""))
    response, body = await fetch("GET", port, "/big.txt")
    assert (response.code, len(body)) == (200, 500_000)


@pytest_twisted.ensureDeferred
async def test_a_compressing_wrapper(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x" * 5000)
    root = Resource()
    root.putChild(b"a.txt", EncodingResourceWrapper(File(str(tmp_path / "a.txt")), [GzipEncoderFactory()]))
    _, port = serve(root)
    client = await RawClient.connect(port, b"GET /a.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
    received = await client.until(b"\r\n0\r\n\r\n")
    assert b"\r\nContent-Encoding: gzip\r\n" in received
    assert b"\r\nTransfer-Encoding: chunked\r\n" in received
    assert b"Content-Length" not in received


@pytest_twisted.ensureDeferred
async def test_sessions_and_redirects(serve: Serve) -> None:
    class Count(Resource):
        isLeaf = True

        def render_GET(self, request: Request) -> bytes:
            session = request.getSession()
            session.seen = getattr(session, "seen", 0) + 1
            return b"%d" % session.seen

    root = Resource()
    root.putChild(b"count", Count())
    root.putChild(b"go", Redirect(b"/count"))
    site, port = serve(root)
    first, _ = await fetch("GET", port, "/go")
    _, body = await fetch("GET", port, "/count", cookies=first.cookies())
    assert body == b"2"
    for session in list(site.sessions.values()):
        session.expire()


class _Shout:
    """A websocket that answers in capitals."""

    transport: WebSocketTransport

    def negotiationStarted(self, transport: WebSocketTransport) -> None:
        self.transport = transport

    def negotiationFinished(self) -> None:
        self.transport.sendTextMessage("hello")

    def textMessageReceived(self, message: str) -> None:
        self.transport.sendTextMessage(message.upper())

    def bytesMessageReceived(self, data: bytes) -> None:
        self.transport.sendBytesMessage(data)

    def connectionLost(self, reason: object) -> None:
        lost.append(reason)

    def pongReceived(self, payload: bytes) -> None:
        """Nothing to do."""


lost: list[object] = []


class _ShoutFactory:
    def buildProtocol(self, request: Request) -> _Shout:
        return _Shout()


@pytest_twisted.ensureDeferred
async def test_a_websocket(serve: Serve) -> None:
    lost.clear()
    root = Resource()
    root.putChild(b"ws", WebSocketResource(cast(WebSocketServerFactory[Any], _ShoutFactory())))
    site, port = serve(root)
    key = base64.b64encode(bytes(16))
    # A frame sent with the request, before its answer (masked by zeros): "abc".
    frame = b"\x81\x83\0\0\0\0abc"
    client = await RawClient.connect(
        port,
        b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: " + key + b"\r\n\r\n" + frame,
    )
    received = await client.until(b"ABC")
    assert received.startswith(b"HTTP/1.1 101 ")
    client.send(b"\x81\x83\0\0\0\0xyz")
    await client.until(b"XYZ")
    client.transport.loseConnection()
    while site.engine.connections.open:
        await _turn()
    assert len(lost) == 1
