"""What a resource does to a request, and the bytes that the client gets for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IPullProducer
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from twistedsite.http.connection.body import ContentLimits
from twistedsite.http.request import Request
from twistedsite.http.site import Site
from twistedsite.settings.server import HttpLimits

Render = Callable[[Request], bytes | int]


class Page(Resource):
    isLeaf = True

    def __init__(self, render: Render) -> None:
        super().__init__()
        self.render_GET = render
        self.render_POST = render


class Result:
    def __init__(self, render: Render, data: bytes) -> None:
        self.clock = Clock()
        site = Site(Page(render), limits=HttpLimits(), content_limits=ContentLimits(1000).for_any, reactor=self.clock)
        self.transport = StringTransportWithDisconnection(peerAddress=IPv4Address("TCP", "192.0.2.1", 1))
        self.channel = site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1))
        self.transport.protocol = self.channel
        self.channel.makeConnection(self.transport)
        self.channel.dataReceived(data)

    @property
    def output(self) -> bytes:
        return self.transport.value()

    @property
    def head(self) -> bytes:
        return self.output.partition(b"\r\n\r\n")[0]

    @property
    def content(self) -> bytes:
        return self.output.partition(b"\r\n\r\n")[2]

    @property
    def open(self) -> bool:
        return bool(self.transport.connected)


def ask(
    render: Render, *, method: bytes = b"GET", target: bytes = b"/", fields: bytes = b"", version: bytes = b"HTTP/1.1"
) -> Result:
    return Result(render, b"%b %b %b\r\nHost: a\r\n%b\r\n" % (method, target, version, fields))


def test_content_that_is_returned_has_a_length() -> None:
    result = ask(lambda request: b"hello")
    assert b"\r\nContent-Length: 5" in result.head
    assert b"\r\nContent-Type: text/html" in result.head
    assert result.content == b"hello"
    assert result.open


def test_content_of_unknown_length_is_chunked() -> None:
    def render(request: Request) -> int:
        request.write(b"hello")
        request.write(b" world")
        request.finish()
        return NOT_DONE_YET

    result = ask(render)
    assert b"\r\nTransfer-Encoding: chunked" in result.head
    assert result.content == b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    assert result.open
    old = ask(render, version=b"HTTP/1.0", fields=b"Connection: keep-alive\r\n")
    assert b"chunked" not in old.head
    assert b"\r\nConnection: close" in old.head
    assert old.content == b"hello world"
    assert not old.open


def test_http_1_0_keeps_the_connection_when_asked_and_the_length_is_known() -> None:
    result = ask(lambda request: b"x", version=b"HTTP/1.0", fields=b"Connection: keep-alive\r\n")
    assert b"\r\nConnection: keep-alive" in result.head
    assert result.open


def test_nothing_written_is_no_content() -> None:
    def render(request: Request) -> int:
        request.finish()
        return NOT_DONE_YET

    result = ask(render)
    assert b"\r\nContent-Length: 0" in result.head
    assert result.content == b""


@pytest.mark.parametrize("status", [204, 304])
def test_some_statuses_have_no_content_whatever_is_written(status: int) -> None:
    def render(request: Request) -> int:
        request.setResponseCode(status)
        request.write(b"hello")
        request.finish()
        return NOT_DONE_YET

    result = ask(render)
    assert result.content == b""
    assert b"chunked" not in result.head
    assert b"Content-Type" not in result.head


def test_head_has_the_length_but_not_the_content() -> None:
    result = ask(lambda request: b"hello", method=b"HEAD")
    assert b"\r\nContent-Length: 5" in result.head
    assert result.content == b""


def test_head_of_a_resource_that_writes() -> None:
    def render(request: Request) -> int:
        request.setHeader(b"content-length", b"5")
        request.write(b"hello")
        request.finish()
        return NOT_DONE_YET

    result = ask(render, method=b"HEAD")
    assert b"\r\nContent-Length: 5" in result.head
    assert result.content == b""


def test_a_method_that_the_resource_lacks_is_answered_405() -> None:
    result = ask(lambda request: b"", method=b"PUT")
    assert result.head.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nAllow: " in result.head


def test_what_is_neither_bytes_nor_a_promise_is_answered_500() -> None:
    result = ask(lambda request: cast(bytes, "text"))
    assert result.head.startswith(b"HTTP/1.1 500 ")


@pytest.mark.parametrize("value", [b"a\0b", b"\0"])
def test_a_value_with_nul_is_refused(value: bytes) -> None:
    def render(request: Request) -> bytes:
        request.setHeader(b"x", value)
        return b"secret"

    result = ask(render)
    assert result.head.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in result.output


def test_a_line_break_in_a_value_adds_no_line() -> None:
    def render(request: Request) -> bytes:
        request.setHeader(b"location", b"/a\r\nSet-Cookie: evil=1")
        return b""

    assert b"\r\nSet-Cookie" not in ask(render).head


def test_a_line_break_in_the_reason_is_refused() -> None:
    def render(request: Request) -> bytes:
        request.setResponseCode(200, b"OK\r\nSet-Cookie: evil=1")
        return b""

    result = ask(render)
    assert result.head.startswith(b"HTTP/1.1 500 ")
    assert b"evil" not in result.output


def test_a_length_that_is_no_number_is_refused() -> None:
    def render(request: Request) -> int:
        request.setHeader(b"content-length", b"5, 6")
        request.write(b"hello")
        request.finish()
        return NOT_DONE_YET

    assert ask(render).head.startswith(b"HTTP/1.1 500 ")


def test_more_content_than_announced_is_cut() -> None:
    def render(request: Request) -> int:
        request.setHeader(b"content-length", b"3")
        request.write(b"hello")
        request.finish()
        return NOT_DONE_YET

    result = ask(render)
    assert result.content == b"hel"
    assert result.open


def test_less_content_than_announced_breaks_the_connection() -> None:
    def render(request: Request) -> int:
        request.setHeader(b"content-length", b"9")
        request.write(b"hello")
        request.finish()
        return NOT_DONE_YET

    assert not ask(render).open


def test_the_application_does_not_choose_the_framing() -> None:
    def render(request: Request) -> bytes:
        request.setHeader(b"transfer-encoding", b"gzip")
        request.setHeader(b"connection", b"keep-alive")
        return b"x"

    head = ask(render).head
    assert b"Transfer-Encoding" not in head
    assert b"Connection" not in head


def test_the_application_may_close_the_connection() -> None:
    def render(request: Request) -> bytes:
        request.setHeader(b"connection", b"close")
        return b"x"

    result = ask(render)
    assert b"\r\nConnection: close" in result.head
    assert not result.open


def test_the_application_names_its_own_server() -> None:
    def render(request: Request) -> bytes:
        request.setHeader(b"server", b"mine")
        return b"x"

    assert ask(render).head.count(b"\r\nServer: ") == 1


def test_an_exception_is_answered_500_without_its_text() -> None:
    def render(request: Request) -> bytes:
        request.setHeader(b"x-half", b"done")
        raise ZeroDivisionError("secret")

    result = ask(render)
    assert result.head.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in result.output
    assert b"X-Half" not in result.head


def test_an_exception_after_the_response_began_cuts_it_off() -> None:
    def render(request: Request) -> bytes:
        request.write(b"hello")
        raise ZeroDivisionError

    result = ask(render)
    assert not result.open
    assert not result.output.endswith(b"0\r\n\r\n")


def test_arguments_come_from_the_query() -> None:
    def render(request: Request) -> bytes:
        return repr(request.args).encode()

    result = ask(render, target=b"/?a=1&a=2&&b=&c=%20+x;d=3&%e4=%C3%A4&e")
    assert result.content == (
        b"{b'a': [b'1', b'2'], b'b': [b''], b'c': [b'  x;d=3'], b'\\xe4': [b'\\xc3\\xa4'], b'e': [b'']}"
    )


def test_a_request_looks_like_twisteds_own() -> None:
    seen: list[object] = []

    def render(request: Request) -> bytes:
        seen.extend([request.method, request.uri, request.path, request.clientproto, request.prepath, request.postpath])
        seen.extend([request.getHeader("x-name"), request.getCookie(b"k"), request.getRequestHostname()])
        seen.extend([request.getClientAddress().host, request.isSecure(), request.getAllHeaders()[b"host"]])
        return b""

    ask(render, target=b"/a/b%20c?d=e", fields=b"X-Name: y\r\nCookie: k=v; l=w\r\n")
    assert seen[:6] == [b"GET", b"/a/b%20c?d=e", b"/a/b%20c", b"HTTP/1.1", [], [b"a", b"b c"]]
    assert seen[6:] == ["y", b"v", b"a", "192.0.2.1", False, b"a"]


def test_a_finished_request_tells_those_who_wait() -> None:
    told: list[object] = []

    def render(request: Request) -> bytes:
        request.notifyFinish().addBoth(told.append)
        return b""

    ask(render)
    assert told == [None]


def test_a_pull_producer_is_asked_while_there_is_room() -> None:
    @implementer(IPullProducer)
    class Numbers:
        def __init__(self, request: Request) -> None:
            self.request = request
            self.left = 3

        def resumeProducing(self) -> None:
            self.left -= 1
            self.request.write(b"%d" % self.left)
            if not self.left:
                self.request.unregisterProducer()
                self.request.finish()

        def stopProducing(self) -> None:
            """Not reached."""

    def render(request: Request) -> int:
        request.registerProducer(Numbers(request), False)
        return NOT_DONE_YET

    from twisted.internet import task

    scheduled: list[Callable[[], None]] = []
    cooperator = task.Cooperator(scheduler=lambda step: _scheduled(scheduled, step))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("twisted.internet._producer_helpers.cooperate", cooperator.cooperate)
        result = ask(render)
        while scheduled:
            scheduled.pop(0)()
    assert result.content == b"1\r\n2\r\n1\r\n1\r\n1\r\n0\r\n0\r\n\r\n"


def _scheduled(steps: list[Callable[[], None]], step: Callable[[], None]) -> object:
    steps.append(step)

    class _Call:
        def cancel(self) -> None:
            """The steps are done by hand."""

    return _Call()
