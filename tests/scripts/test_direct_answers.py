"""A script on the short way, without a Request, answers what it answers on the long way, byte for byte but for the Date
and the order of fields; and what is promised to clients and scripts holds there too.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import deferLater

from twistedsite.http.connection.channel import Channel
from twistedsite.http.request import EngineRequest
from twistedsite.origins import version
from twistedsite.resources.kinds.script import ScriptResource
from twistedsite.resources.site import error
from twistedsite.testing import ServedSite, serving

SCRIPTS = {
    "hello": "print('Hello,', request.get('name'), headers['host'] != '', SERVER_PORT != '', REMOTE_ADDR, SCRIPT_NAME)",
    "fields": "resp_headers['X-One'] = 'two'\nresp_headers['Server'] = 'mine'\nprint('fields')",
    "own type": "resp_headers['content-type'] = 'text/plain; charset=us-ascii'\nprint('text')",
    "cookies": "resp_headers['Set-Cookie'] = ['a=1', 'b=2']\nprint('cookies')",
    "framing": "resp_headers['Connection'] = 'close'\nresp_headers['Content-Length'] = '3'\nprint('framing')",
    "status": "resp_headers['Status'] = '404 Not Found'\nprint('own page')",
    "no content": "resp_headers['Status'] = '204'",
    "not modified": "resp_headers['Status'] = '304'\nprint('never sent')",
    "redirection": "raise HTTP_REDIRECTION('/elsewhere')",
    "empty": "",
    "long": "print('long ' * 1000)",
    "streamed": "import sys\nprint('first')\nsys.stdout.flush()\nprint('second')",
    "failing": "print('part')\n1 / 0",
    "failing late": "import sys\nprint('part')\nsys.stdout.flush()\n1 / 0",
    "bytes": "import sys\nsys.stdout.buffer.write(b'\\xff\\x00')",
    "session": "Session().seen = 1\nprint('session')",
}

HEADS = {
    "GET": "GET {path}?name=world HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "HEAD": "HEAD {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "HTTP/1.0": "GET {path} HTTP/1.0\r\n\r\n",
    "compressed": "GET {path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n",
    "an error page for browsers": "GET {path} HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nConnection: close\r\n\r\n",
}


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The paths of the Requests that were made; files count as settled at once."""
    monkeypatch.setattr(version, "TICK_NS", -1)
    made: list[bytes] = []
    make = Channel.make_request

    def make_request(self: Channel, head: Any, content: Any) -> EngineRequest:
        request = make(self, head, content)
        made.append(request.path)
        return request

    monkeypatch.setattr(Channel, "make_request", make_request)
    return made


@pytest_twisted.async_yield_fixture
async def site(tmp_path: Path, requests: list[bytes]) -> AsyncIterator[ServedSite]:
    for name, text in SCRIPTS.items():
        (tmp_path / f"{name.replace(' ', '-')}.py").write_text(text)
    (tmp_path / "_folder.toml").write_text('[headers]\nX-Folder = "root"')
    async with serving(tmp_path, timeout="5s") as served:
        yield served


def parts(answer: bytes) -> tuple[bytes, list[bytes], bytes]:
    """The status line, the fields in the order of their names, and the content, without what differs each time."""
    answer = re.sub(rb"sessionId=[\w-]+|\b[0-9a-f]{8}\b", b"(random)", answer)
    head, _, content = answer.partition(b"\r\n\r\n")
    status, *fields = head.split(b"\r\n")
    return status, sorted(field for field in fields if not field.startswith(b"Date:")), content


@pytest.mark.isolation("threads", "workers")
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest_twisted.ensureDeferred
async def test_both_ways_give_the_same_answer(site: ServedSite, monkeypatch: pytest.MonkeyPatch, head: str) -> None:
    # It may stand in compressed content, where `parts` cannot see it.
    monkeypatch.setattr(error.secrets, "token_hex", lambda count: 2 * count * "0")
    for name in SCRIPTS:
        asked = head.format(path=f"/{name.replace(' ', '-')}.py").encode()
        with monkeypatch.context() as long_way:
            long_way.setattr(ScriptResource, "answer_pending", lambda _, pending: pending.request().process())
            expected = parts(await site.raw(asked))
        await site.raw(asked)
        assert parts(await site.raw(asked)) == expected, name


@pytest_twisted.ensureDeferred
async def test_an_answer_in_one_piece_needs_no_request(site: ServedSite, requests: list[bytes]) -> None:
    paths = [f"/{name}.py" for name in ("hello", "fields", "cookies", "status", "redirection", "session")]
    for path in 3 * paths:
        await site.get(path)
    assert requests == [path.encode() for path in paths]


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_pipelined_requests_are_answered_in_order(site: ServedSite, requests: list[bytes]) -> None:
    await site.get("/hello.py")
    one = b"GET /hello.py?name=%d HTTP/1.1\r\nHost: a\r\n%b\r\n"
    answer = await site.raw(b"".join(one % (n, b"Connection: close\r\n" * (n == 4)) for n in range(5)))
    places = [answer.index(b"Hello, ['%d']" % n) for n in range(5)]
    assert places == sorted(places)
    assert len(requests) == 1


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_client_that_goes_away_stops_its_script(tmp_path: Path, requests: list[bytes]) -> None:
    (tmp_path / "x.py").write_text("import time\nwhile request.get('go'): time.sleep(0.01)")

    async def running() -> int:
        health = await site.get("/.well-known/scriptsite-health")
        return int(json.loads(health.body)["scripts"]["running"])

    async with serving(tmp_path, timeout="60s") as site:
        await site.get("/x.py")
        made = len(requests)
        connection = await site.connect()
        connection.send(b"GET /x.py?go=1 HTTP/1.1\r\nHost: a\r\n\r\n")
        while await running() != 1:
            await deferLater(reactor, 0.01)
        await connection.close()
        while await running() != 0:
            await deferLater(reactor, 0.01)
    assert b"/x.py" not in requests[made:]


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_script_past_its_deadline_is_answered_504(tmp_path: Path, requests: list[bytes]) -> None:
    (tmp_path / "slow.py").write_text("while request.get('go'): int()")
    async with serving(tmp_path, timeout="1s") as site:
        assert (await site.get("/slow.py")).status == 200
        answer = await site.get("/slow.py?go=1", headers={"Accept": "application/json"})
        assert (answer.status, answer.headers["content-type"]) == (504, "application/problem+json")


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_what_is_answered_is_in_the_access_log(tmp_path: Path, requests: list[bytes]) -> None:
    root = tmp_path / "site"
    root.mkdir()
    (root / "x.py").write_text("print('hello', end='')")
    async with serving(root, access_log=str(tmp_path / "log")) as site:
        for _ in range(3):
            await site.get("/x.py?q=1")
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line.split('"')[1:3] for line in lines] == [["GET /x.py?q=1 HTTP/1.1", " 200 5 "]] * 3
    assert len(requests) == 1
