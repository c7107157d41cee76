"""A script of functions `get`, `post` and so on: each answers the requests of its method, in threads and in workers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import pytest_twisted
from site_files import logged, write
from twisted.internet import reactor
from twisted.internet.task import deferLater

from twistedsite.testing import serving

HTML = "text/html; charset=utf-8"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

RESULTS = [
    ("'<p>Grüße'", 200, HTML, "<p>Grüße".encode()),
    ("b'raw'", 200, "application/octet-stream", b"raw"),
    ("{'a': [1, None]}", 200, "application/json", b'{"a":[1,null]}'),
    ("[1, 'two']", 200, "application/json", b'[1,"two"]'),
    ("[404, 'no status']", 200, "application/json", b'[404,"no status"]'),
    ("None", 204, "", b""),
    ("(404, 'nothing')", 404, HTML, b"nothing"),
    ("(201, {'id': 7}, {'X-A': 'b'})", 201, "application/json", b'{"id":7}'),
    ("Response(b'x', status=202, headers={'Content-Type': 'image/x'})", 202, "image/x", b"x"),
    ("Response('x', headers={'Set-Cookie': ['a=1', 'b=2']})", 200, HTML, b"x"),
    ("redirect('other?a=b c')", 303, "text/plain; charset=utf-8", b"See the Location field.\n"),
    ("Template('hello.jinja', name='<Ada>')", 200, HTML, b"Hello &lt;Ada&gt; GET"),
    ("(str(n) for n in range(3))", 200, HTML, b"012"),
    ("Response((b for b in [b'a', b'b']), headers={'Content-Type': 'text/x'})", 200, "text/x", b"ab"),
    ("later('x')", 200, HTML, b"x"),
    ("later((404, 'x'))", 404, HTML, b"x"),
    ("pieces()", 200, HTML, b"01"),
    ("later(Response(pieces(), status=201))", 201, HTML, b"01"),
]
WRONG = [
    ("3", "no page can be made of a int"),
    ("iter([1])", "a piece of a stream is str or bytes, not int"),
    ("(99, 'x')", "not a status"),
    ("{'a': object()}", "object"),
    ("redirect('x', 404)", "not the status of a redirect"),
    ("later(1 / 0)", "division by zero"),
]
HEAD = (
    "import asyncio\nfrom twistedsite import Response, Template, redirect\n"
    "async def later(value):\n    await asyncio.sleep(0)\n    return value\n"
    "async def pieces():\n    for n in range(2):\n        await asyncio.sleep(0)\n        yield str(n)\n"
)


@pytest_twisted.ensureDeferred
async def test_what_a_function_returns_is_the_answer(tmp_path: Path) -> None:
    write(tmp_path, "hello.jinja", "Hello {{ name }} {{ request.method }}")
    for number, (result, *_) in enumerate(RESULTS):
        write(tmp_path, f"x{number}.py", f"{HEAD}def get(request):\n    return {result}\n")
    async with serving(tmp_path) as site:
        for number, (result, status, media_type, body) in enumerate(RESULTS):
            answer = await site.get(f"/x{number}.py")
            assert (answer.status, answer.body) == (status, body), result
            assert answer.headers.get("content-type", "") == media_type, result
        location = (await site.get(f"/x{[row[0][:8] for row in RESULTS].index('redirect')}.py")).headers["location"]
    assert location == "other?a=b%20c"


@pytest_twisted.ensureDeferred
async def test_a_result_that_is_no_page_is_told_on_the_debug_page(tmp_path: Path) -> None:
    for number, (result, _) in enumerate(WRONG):
        write(tmp_path, f"x{number}.py", f"{HEAD}async def get(request):\n    return {result}\n")
    async with serving(tmp_path, debug=True) as site:
        for number, (result, message) in enumerate(WRONG):
            answer = await site.get(f"/x{number}.py", headers={"Accept": "text/html"})
            assert answer.status == 500, result
            assert message in answer.text, result


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_each_method_has_its_function_and_others_are_refused_with_what_is_allowed(tmp_path: Path) -> None:
    write(tmp_path, "x.py", "def get(request): return 'got'\ndef delete(request): return 'deleted'\n")
    write(tmp_path, "own.py", "def options(request): return 'own'\ndef head(request): return 204, None\n")
    async with serving(tmp_path) as site:
        assert (await site.get("/x.py")).text == "got"
        assert (await site.get("/x.py", method="DELETE")).text == "deleted"
        refused = await site.get("/x.py", method="POST", body=b"")
        asked = await site.get("/x.py", method="OPTIONS")
        head = await site.raw(b"HEAD /x.py HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert (await site.get("/own.py", method="OPTIONS")).text == "own"
        assert (await site.get("/own.py", method="HEAD")).status == 204
        assert (await site.get("/own.py")).headers["allow"] == "HEAD, OPTIONS"
    assert (refused.status, refused.headers["allow"]) == (405, "DELETE, GET, HEAD, OPTIONS")
    assert (asked.status, asked.headers["allow"], asked.body) == (204, "DELETE, GET, HEAD, OPTIONS", b"")
    assert b"Content-Length: 3" in head
    assert head.endswith(b"\r\n\r\n")


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_the_request_has_what_came(tmp_path: Path) -> None:
    write(
        tmp_path,
        "x.py",
        "from twistedsite import Request\n"
        "def post(request: Request):\n"
        "    return [request.method, request.path, request.script_name, request.path_info, request.query_string,\n"
        "            request.query.lists(), request.form.lists(), request.headers['x-word'], request.cookies,\n"
        "            request.body.decode(), request.url, request.client, request.user, dict(request.options),\n"
        "            request.environ['REQUEST_METHOD'], list(request.files)]\n",
    )
    async with serving(tmp_path, options={"a": 1}) as site:
        answer = await site.get(
            "/x/y%20z?a=1&b=2", method="POST", headers={**FORM, "X-Word": "w", "Cookie": "c=d"}, body=b"a=3"
        )
    lists = [{"a": ["1"], "b": ["2"]}, {"a": ["1", "3"], "b": ["2"]}]
    url = f"http://127.0.0.1:{site.port}/x/y%20z?a=1&b=2"
    assert json.loads(answer.body) == [
        *["POST", "/x/y z", "/x", "/y z", "a=1&b=2", *lists, "w", {"c": "d"}, "a=3", url, "127.0.0.1", "", {"a": 1}],
        *["POST", []],
    ]


@pytest_twisted.ensureDeferred
async def test_json_that_is_malformed_is_the_clients_fault(tmp_path: Path) -> None:
    write(tmp_path, "x.py", "def put(request): return {'sum': sum(request.json())}\n")
    async with serving(tmp_path) as site:
        assert (await site.get("/x.py", method="PUT", body=b"[1, 2]")).text == '{"sum":3}'
        answer = await site.get("/x.py", method="PUT", body=b"[1, 2")
    assert (answer.status, "The body is not JSON" in answer.text) == (400, True)


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_the_session_is_the_visitors_and_can_be_renewed(tmp_path: Path) -> None:
    write(
        tmp_path,
        "x.py",
        "def get(request):\n    request.session.seen = getattr(request.session, 'seen', 0) + 1\n"
        "    if request.query_string:\n        request.renew_session()\n    return str(request.session.seen)\n",
    )
    jar: dict[str, str] = {}
    async with serving(tmp_path) as site:
        assert [(await site.get("/x.py", jar=jar)).text for _ in range(2)] == ["1", "2"]
        old = jar["sessionId"]
        assert (await site.get("/x.py?login", jar=jar)).text == "3"
    assert jar["sessionId"] != old


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_the_module_is_imported_once_and_what_it_prints_goes_to_the_log(tmp_path: Path, isolation: str) -> None:
    write(
        tmp_path,
        "x.py",
        "calls = []\ndef get(request):\n    calls.append(1)\n    print('noted')\n    return str(len(calls))",
    )
    async with serving(tmp_path) as site:
        with logged() as log:
            assert (await site.get("/x.py")).text == "1"
        again = (await site.get("/x.py")).text
    if isolation == "workers":
        # The next request may be another worker's.
        assert "noted" in log()
    else:
        assert again == "2"


@pytest_twisted.ensureDeferred
async def test_a_script_that_prints_may_have_a_function_of_that_name(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "def get(url): return 'fetched ' + url\nprint(get('it'))")
    write(tmp_path, "b.py", "def get(request): return 'fetched'\nprint(get(request))")
    write(tmp_path, "c.py", "def get(url): return 'fetched ' + url\nx = get('it')")
    async with serving(tmp_path) as site:
        assert (await site.get("/a.py")).text == "fetched it\n"
        assert (await site.get("/b.py")).text == "fetched\n"
        assert (await site.get("/c.py")).body == b""


@pytest_twisted.ensureDeferred
async def test_a_coroutine_is_cancelled_when_its_time_is_up_or_its_client_goes_away(tmp_path: Path) -> None:
    write(
        tmp_path,
        "x.py",
        "import asyncio\nended = []\n"
        "async def get(request):\n"
        "    if request.path_info:\n        return ended\n"
        "    return wait(request.query_string)\n"
        "async def wait(why):\n"
        "    try:\n        yield 'begun'\n        await asyncio.sleep(600)\n"
        "    finally:\n        await asyncio.sleep(0)\n        ended.append(why)\n",
    )
    async with serving(tmp_path, timeout="1s") as site:
        late = await site.raw(b"GET /x.py?late HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        connection = await site.connect()
        connection.send(b"GET /x.py?gone HTTP/1.1\r\nHost: h\r\n\r\n")
        await connection.until(b"begun")
        await connection.close()
        while len(json.loads((await site.get("/x.py/ended")).body)) < 2:
            await deferLater(reactor, 0.01)
        assert (await site.get("/x.py/ended")).text == '["late","gone"]'
    assert b"begun" in late
    assert not late.endswith(b"0\r\n\r\n")
