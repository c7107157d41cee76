"""Requests that scripts send without waiting for their answers, through a real server: in threads and in workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from site_files import logged, write
from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from twistedsite.testing import serving


class Other(Resource):
    """Another server: keeps what it is asked, answers what it is told to."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[bytes, bytes, bytes]] = []
        self.answer: Any = b"thanks"
        self.headers: dict[bytes, bytes] = {}
        self.status = 200
        self._waiting: list[tuple[int, Deferred[None]]] = []

    def render(self, request: Request) -> Any:
        assert request.content is not None
        self.asked.append((request.method, request.uri, request.content.read()))
        self.fields = request.requestHeaders
        for count, waiting in list(self._waiting):
            if len(self.asked) >= count:
                self._waiting.remove((count, waiting))
                waiting.callback(None)
        request.setResponseCode(self.status)
        for name, value in self.headers.items():
            request.setHeader(name, value)
        return self.answer

    def until(self, count: int) -> Deferred[None]:
        """Fires when so many requests have come."""
        waiting: Deferred[None] = Deferred()
        if len(self.asked) >= count:
            waiting.callback(None)
        else:
            self._waiting.append((count, waiting))
        return waiting


@pytest_twisted.async_yield_fixture
async def other() -> Any:
    from twisted.internet import reactor

    found: Any = Other()
    loop: Any = reactor
    port = loop.listenTCP(0, Site(found), interface="127.0.0.1")
    found.url = f"http://127.0.0.1:{port.getHost().port}"
    found.port = port.getHost().port
    yield found
    await port.stopListening()


# To this site

NOTE = """
with storage.lock("/_notes"):
    try:
        notes = storage.read("/_notes")
    except FileNotFoundError:
        notes = b""
    line = repr((environ["REQUEST_METHOD"], environ["REQUEST_URI"], form.lists()))
    storage.write("/_notes", notes + line.encode() + b"\\n")
"""
WATCH = """
import time
wanted = int(form["lines"])
while True:
    try:
        notes = storage.read("/_notes").decode()
    except FileNotFoundError:
        notes = ""
    if notes.count("\\n") >= wanted:
        break
    time.sleep(0.01)
print(notes, end="")
"""


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_script_asks_for_pages_of_its_own_site(tmp_path: Path) -> None:
    write(tmp_path, "blog/note.py", NOTE)
    write(tmp_path, "watch.py", WATCH)
    write(
        tmp_path,
        "blog/start.py",
        """
print(background_request("note?a=1&b=%C3%A4", local=True))
print(background_request("/blog/note.py/rest", method="post", params={"x": "ö", "y": [1, 2]}, local=True))
print(background_request("../blog/./note", params={"q": "a b"}, local=True))
""",
    )
    async with serving(tmp_path) as site:
        assert (await site.get("/blog/start")).text == "True\n" * 3
        notes = (await site.get("/watch?lines=3")).text
    assert sorted(notes.splitlines()) == [
        "('GET', '/blog/note?a=1&b=%C3%A4', {'a': ['1'], 'b': ['ä']})",
        "('GET', '/blog/note?q=a+b', {'q': ['a b']})",
        "('POST', '/blog/note.py/rest', {'x': ['ö'], 'y': ['1', '2']})",
    ]


@pytest_twisted.ensureDeferred
async def test_a_page_that_is_large_or_missing_or_fails_harms_nobody(tmp_path: Path) -> None:
    write(tmp_path, "large.bin", bytes(3_000_000))
    write(tmp_path, "fails.py", "1 / 0")
    write(tmp_path, "streams.py", "for _ in range(100): print('x' * 10_000, flush=True)")
    write(tmp_path, "note.py", NOTE)
    write(tmp_path, "watch.py", WATCH)
    targets = ["large.bin", "fails", "streams", "missing", "/", "_private", "large.bin/", ".hidden", "%2e%2e/x"]
    write(
        tmp_path,
        "start.py",
        f"for t in {targets!r}: background_request(t, local=True)\nbackground_request('note', local=True)",
    )
    with logged() as log:
        async with serving(tmp_path) as site:
            assert (await site.get("/start")).status == 200
            assert (await site.get("/watch?lines=1")).status == 200
            assert (await site.get("/large.bin")).status == 200
    assert "fails.py: 500 division by zero" in log()
    assert "no answer" not in log()
    assert "background request" not in log()


@pytest_twisted.ensureDeferred
async def test_requests_that_follow_from_each_other_come_to_an_end(tmp_path: Path) -> None:
    write(tmp_path, "loop.py", NOTE + "print(background_request('loop', local=True))")
    write(tmp_path, "watch.py", WATCH)
    with logged() as log:
        async with serving(tmp_path, background={"depth": 2}) as site:
            assert (await site.get("/loop")).text == "True\n"
            assert (await site.get("/watch?lines=3")).text.count("\n") == 3
            while "no background request: 2 have followed one from the other" not in log():
                await site.get("/watch?lines=3")
    assert (tmp_path / "_notes").read_text().count("\n") == 3


@pytest_twisted.ensureDeferred
async def test_a_script_sends_so_many_and_no_more(tmp_path: Path) -> None:
    write(tmp_path, "page.txt", "x")
    write(tmp_path, "start.py", "print([background_request('page.txt', local=True) for _ in range(12)])")
    async with serving(tmp_path) as site:
        for _ in range(2):
            assert (await site.get("/start")).text == f"{[True] * 10 + [False] * 2}\n"


@pytest_twisted.ensureDeferred
async def test_a_request_does_not_wait_for_what_it_has_sent(tmp_path: Path) -> None:
    write(tmp_path, "hang.py", "while True: pass")
    write(tmp_path, "start.py", "print(background_request('hang', local=True))")
    async with serving(tmp_path, drain="0s") as site:
        assert (await site.get("/start")).text == "True\n"


# To other servers


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_another_server_is_asked_as_told(tmp_path: Path, other: Any) -> None:
    write(
        tmp_path,
        "start.py",
        f"""
print(background_request("{other.url}/a?b=1#c", params={{"d": "ä"}}))
print(background_request("http://localhost:{other.port}/form", method="POST", params={{"d": ["1", "2"]}}))
""",
    )
    async with serving(tmp_path, background={"private": True}) as site:
        assert (await site.get("/start", jar={"secret": "cookie"})).text == "True\nTrue\n"
        await other.until(2)
    assert sorted(other.asked) == [(b"GET", b"/a?b=1&d=%C3%A4", b""), (b"POST", b"/form", b"d=1&d=2")]
    assert not other.fields.hasHeader(b"cookie")


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0"])
async def test_this_machine_and_private_networks_are_not_asked(tmp_path: Path, other: Any, host: str) -> None:
    write(tmp_path, "start.py", f"print(background_request('http://{host}:{other.port}/secret?key=1'))")
    with logged() as log:
        async with serving(tmp_path) as site:
            assert (await site.get("/start")).text == "True\n"
            while "background request to" not in log():
                await site.get("/start.txt")
    assert "which is no public address" in log()
    assert "key=1" not in log()
    assert other.asked == []


@pytest_twisted.ensureDeferred
async def test_a_redirect_is_not_followed(tmp_path: Path, other: Any) -> None:
    other.status, other.headers = 302, {b"location": b"/elsewhere"}
    write(tmp_path, "start.py", f"background_request('{other.url}/first')\nbackground_request('{other.url}/second')")
    async with serving(tmp_path, background={"private": True}) as site:
        await site.get("/start")
        await other.until(2)
        await site.get("/start")
        await other.until(4)
    assert {path for _, path, _ in other.asked} == {b"/first", b"/second"}


@pytest_twisted.ensureDeferred
async def test_so_many_are_on_their_way_at_once_and_no_more(tmp_path: Path, other: Any) -> None:
    other.answer = NOT_DONE_YET
    write(tmp_path, "start.py", f"print([background_request('{other.url}') for _ in range(4)])")
    with logged() as log:
        async with serving(tmp_path, background={"private": True, "per_site": 3}) as site:
            assert (await site.get("/start")).text == "[True, True, True, False]\n"
            await other.until(3)
            assert (await site.get("/start")).text == "[False, False, False, False]\n"
    assert "start.py: no background request: too many are on their way" in log()
    assert len(other.asked) == 3


@pytest_twisted.ensureDeferred
async def test_an_endless_answer_is_cut_off_and_a_late_one_given_up(tmp_path: Path, other: Any) -> None:
    other.answer = bytes(5_000_000)
    write(tmp_path, "start.py", f"print(background_request('{other.url}'))")
    settings = {"private": True, "per_site": 1, "response": "64K", "timeout": "0.2s"}
    with logged() as log:
        async with serving(tmp_path, background=settings) as site:
            for count in (1, 2):
                while (await site.get("/start")).text != "True\n":
                    pass
                await other.until(count)
            other.answer = NOT_DONE_YET
            while "failed" not in log():
                await site.get("/start")
    assert f"background request to {other.url} failed: " in log()


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ("'ftp://example.com/'", "not a URL that begins with http:// or https:// and a host"),
        ("'http:///x'", "not a URL that begins with http:// or https:// and a host"),
        ("'http://a@example.com/'", "not a URL that begins with http:// or https:// and a host"),
        ("'http://example.com/\\r\\nX: y'", "not a URL"),
        ("'http://[::1]/'", "not a URL with a host's name or IPv4 address"),
        ("'/page'", "not a URL with scheme and host, and not local either"),
        ("'http://example.com/', method='CONNECT'", "not a method of a background request"),
        ("'http://example.com:99999/'", "Port out of range 0-65535"),
        ("'../../x', local=True", "this leads out of the site"),
    ],
)
async def test_what_cannot_be_sent_is_an_error(tmp_path: Path, call: str, problem: str) -> None:
    write(tmp_path, "start.py", f"try: background_request({call})\nexcept (ValueError, OSError) as e: print(e)")
    async with serving(tmp_path) as site:
        assert problem in (await site.get("/start")).text
