"""A module with an `application` is served as PEP 3333 says, through a real socket, in threads and in workers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from site_files import logged, write
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred, gatherResults
from twisted.internet.task import deferLater

from twistedsite.testing import ServedSite, serving

START = "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
ENVIRON = (
    "import json\n"
    "def application(environ, start_response):\n"
    + START
    + "    found = {k: v for k, v in environ.items() if type(v) in (str, int, bool)}\n"
    "    found['body'] = environ['wsgi.input'].read().decode()\n"
    "    return [json.dumps(found).encode()]\n"
)
VALID = (
    "from wsgiref.validate import validator\n"
    "@validator\n"
    "def application(environ, start_response):\n"
    "    body = environ['wsgi.input'].read(10)\n"
    "    print('seen', file=environ['wsgi.errors'])\n"
    "    write = start_response('200 OK', [('Content-Type', 'text/plain')])\n"
    "    write(b'[')\n"
    "    return iter([body, b']'])\n"
)


async def environ_at(site: ServedSite, path: str, **request: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((await site.get(path, **request)).body)
    return found


async def gone(site: ServedSite) -> None:
    """Wait until no script is at work."""
    while json.loads((await site.get("/.well-known/scriptsite-health")).body)["scripts"]["running"]:
        await deferLater(reactor, 0.01)


PATHS = [
    ("/x.py", "/x.py", ""),
    ("/x.py/", "/x.py", "/"),
    ("/x.py/a/b/", "/x.py", "/a/b/"),
    ("/x/a%20b", "/x", "/a b"),
    ("/x/%C3%A9", "/x", "/\xc3\xa9"),
    ("/caf%C3%A9/y", "/caf\xc3\xa9", "/y"),
    ("/", "/index.py", ""),
    ("/deep/", "/deep/index.py", ""),
]


@pytest_twisted.ensureDeferred
async def test_the_path_is_split_after_the_script_and_its_bytes_pass_as_latin_1(tmp_path: Path) -> None:
    for name in "x.py", "café.py", "index.py", "deep/index.py":
        write(tmp_path, name, ENVIRON)
    async with serving(tmp_path) as site:
        for path, script_name, path_info in PATHS:
            found = await environ_at(site, path + "?q=%C3%A9")
            split = (found["SCRIPT_NAME"], found["PATH_INFO"], found["QUERY_STRING"])
            assert split == (script_name, path_info, "q=%C3%A9"), path


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_the_environment_tells_of_the_request_and_of_the_runner(tmp_path: Path, isolation: str) -> None:
    write(tmp_path, "x.py", ENVIRON)
    headers = {"X-Name": "a", "Authorization": "Basic YTpi", "Proxy": "evil", "Content-Type": "text/x"}
    async with serving(tmp_path) as site:
        found = await environ_at(site, "/x.py", method="POST", headers=headers, body=b"hello")
        bare = await environ_at(site, "/x.py")
    assert found["REQUEST_METHOD"] == "POST"
    assert (found["CONTENT_TYPE"], found["CONTENT_LENGTH"]) == ("text/x", "5")
    assert (found["HTTP_X_NAME"], found["HTTP_AUTHORIZATION"]) == ("a", "Basic YTpi")
    assert not {"HTTP_PROXY", "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & set(found)
    assert (found["wsgi.multithread"], found["wsgi.multiprocess"]) == (isolation == "threads", isolation == "workers")
    assert (found["wsgi.run_once"], found["wsgi.url_scheme"], found["body"]) == (False, "http", "hello")
    assert "CONTENT_LENGTH" not in bare


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_chunked_body_has_a_length_by_the_time_the_application_sees_it(tmp_path: Path) -> None:
    write(tmp_path, "x.py", ENVIRON)
    async with serving(tmp_path) as site:
        raw = await site.raw(
            b"POST /x.py HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        )
    found = json.loads(raw.partition(b"\r\n\r\n")[2])
    assert (found["CONTENT_LENGTH"], found["body"]) == ("5", "abcde")
    assert "HTTP_TRANSFER_ENCODING" not in found


@pytest_twisted.ensureDeferred
async def test_the_validator_of_the_standard_library_is_content(tmp_path: Path) -> None:
    write(tmp_path, "x.py", VALID)
    async with serving(tmp_path) as site:
        for size in 0, 5, 300_000:
            with logged() as log:
                answer = await site.get("/x.py/a?b=c", method="POST", body=b"x" * size)
            assert (answer.status, answer.text) == (200, f"[{'x' * min(size, 10)}]"), log()
        page = await site.get("/x.py")
    assert (page.status, page.text) == (200, "[]")


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_the_body_is_read_by_lines_blocks_and_iteration(tmp_path: Path) -> None:
    write(
        tmp_path,
        "x.py",
        "def application(environ, start_response):\n" + START + "    body = environ['wsgi.input']\n"
        "    b = body; seen = [b.readline(), b.read(2), b.readline(1), next(iter(b)), b.readlines(), b.read()]\n"
        "    return [repr(seen).encode()]\n",
    )
    async with serving(tmp_path) as site:
        answer = await site.get("/x.py", method="POST", body=b"one\ntwo\nthree\nfour\nfive")
    assert answer.text == repr([b"one\n", b"tw", b"o", b"\n", [b"three\n", b"four\n", b"five"], b""])


@pytest_twisted.ensureDeferred
async def test_statuses_and_header_fields_are_the_applications(tmp_path: Path) -> None:
    write(
        tmp_path,
        "x.py",
        "def application(environ, start_response):\n"
        "    start_response('404 Not Found', [('Content-Type', 'text/x'), ('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2'),"
        " ('X-Bytes', '\\xc3\\xa9\\xff'), ('Connection', 'close'), ('Transfer-Encoding', 'chunked')])\n"
        "    return [b'no', b'ne']\n",
    )
    async with serving(tmp_path) as site:
        raw = await site.raw(
            b"GET /x.py HTTP/1.1\r\nHost: h\r\n\r\nGET /x.py HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        )
    first, second, _ = raw.split(b"none")
    assert first.startswith(b"HTTP/1.1 404 Not Found\r\n")
    for line in (
        b"Content-Length: 4",
        b"Set-Cookie: a=1",
        b"Set-Cookie: b=2",
        b"X-Bytes: \xc3\xa9\xff",
        b"Content-Type: text/x",
    ):
        assert line + b"\r\n" in first
    assert b"Connection" not in first
    assert b"Connection: close" in second


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_each_yielded_piece_is_sent_before_the_next_is_made(tmp_path: Path) -> None:
    # Within the site: no other file can be read by a worker.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    write(
        tmp_path,
        "x.py",
        "def application(environ, start_response):\n" + START + "    yield b'first'\n"
        f"    with open({str(pipe)!r}, 'rb') as file:\n        yield file.read()\n    yield b'last'\n",
    )
    async with serving(tmp_path) as site:
        connection = await site.connect()
        connection.send(b"GET /x.py HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert b"second" not in await connection.until(b"first")
        pipe.write_bytes(b"second")
        received = await connection.everything()
    assert received.endswith(b"6\r\nsecond\r\n4\r\nlast\r\n0\r\n\r\n")


@pytest_twisted.ensureDeferred
async def test_a_stream_of_declared_length_needs_no_chunks(tmp_path: Path) -> None:
    write(
        tmp_path,
        "x.py",
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'image/x'), ('Content-Length', '600000')])\n"
        "    return (b'x' * 1000 for _ in range(600))\n",
    )
    async with serving(tmp_path) as site:
        raw = await site.raw(b"GET /x.py HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        head = await site.raw(b"HEAD /x.py HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    fields, _, body = raw.partition(b"\r\n\r\n")
    assert b"Content-Length: 600000" in fields
    assert b"chunked" not in fields
    assert body == b"x" * 600_000
    assert (b"Content-Length: 600000" in head, head[-4:]) == (True, b"\r\n\r\n")


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_an_answer_to_head_has_the_length_that_the_application_tells(tmp_path: Path) -> None:
    write(
        tmp_path,
        "x.py",
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/x'), ('Content-Length', '42')])\n    return []\n",
    )
    async with serving(tmp_path) as site:
        head = await site.raw(b"HEAD /x.py HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert b"Content-Length: 42\r\n" in head


FAULTS = [
    ("return [b'x']", "before it called start_response"),
    ("return []", "without calling start_response"),
    ("return 'text'", "a piece of the body is str, not bytes"),
    ("start_response('200 OK', [('Content-Length', '3')])\n    return [b'long']", "longer than its Content-Length"),
    (
        "start_response('200 OK', [('Content-Length', '9')])\n    return [b'short']",
        "shorter than its Content-Length",
    ),
    ("start_response('200 OK', [('Content-Length', 'x')])\n    return [b'short']", "not a Content-Length"),
    ("start_response('20 OK', [])\n    return [b'']", "not a status"),
    ("start_response('200 OK', [('A', 'b\\r\\nC: d')])\n    return [b'']", "line breaks"),
    ("start_response('200 OK', [('A', 1)])\n    return [b'']", "is int, not str"),
    ("start_response('200 OK', [])\n    start_response('200 OK', [])\n    return [b'']", "called again"),
    ("return 1 / 0", "division by zero"),
]


@pytest_twisted.ensureDeferred
async def test_what_an_application_must_not_do_is_told_on_the_debug_page(tmp_path: Path) -> None:
    for number, (body, _) in enumerate(FAULTS):
        write(tmp_path, f"x{number}.py", f"def application(environ, start_response):\n    {body}\n")
    async with serving(tmp_path, debug=True) as site:
        for number, (body, message) in enumerate(FAULTS):
            answer = await site.get(f"/x{number}.py", headers={"Accept": "text/html"})
            assert answer.status == 500, body
            assert message in answer.text, body


@pytest_twisted.ensureDeferred
async def test_an_error_can_take_the_place_of_what_was_not_sent_yet(tmp_path: Path) -> None:
    write(
        tmp_path,
        "x.py",
        "import sys\ndef application(environ, start_response):\n"
        "    start_response('200 OK', [('X-Old', '1')])\n"
        "    try:\n        1 / 0\n    except ZeroDivisionError:\n"
        "        start_response('503 Sorry', [('Content-Type', 'text/plain')], sys.exc_info())\n"
        "    return [b'sorry']\n",
    )
    async with serving(tmp_path) as site:
        answer = await site.get("/x.py")
    assert (answer.status, answer.text) == (503, "sorry")
    assert "x-old" not in answer.headers


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_an_error_after_the_head_has_gone_cuts_the_answer_off_and_closes_the_iterable(tmp_path: Path) -> None:
    write(
        tmp_path,
        "x.py",
        "import sys\nclass application:\n"
        "    def __init__(self, environ, start_response):\n"
        "        self.start = start_response\n        self.start('200 OK', [])(b'begun')\n"
        "    def __iter__(self):\n"
        "        try:\n            1 / 0\n        except ZeroDivisionError:\n"
        "            self.start('500 No', [], sys.exc_info())\n        yield b'never'\n"
        "    def close(self):\n        print('it was closed', file=sys.stderr)\n",
    )
    async with serving(tmp_path) as site:
        with logged() as log:
            raw = await site.raw(b"GET /x.py HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            await gone(site)
    assert b"begun" in raw
    assert not raw.endswith(b"0\r\n\r\n")
    assert "ZeroDivisionError" in log()


@pytest_twisted.ensureDeferred
async def test_an_iterable_is_closed_whatever_happens(tmp_path: Path) -> None:
    write(
        tmp_path,
        "x.py",
        "import sys\nclosed = []\n"
        "class Pieces(list):\n    def close(self):\n        closed.append(len(self))\n"
        "def application(environ, start_response):\n"
        "    if environ['PATH_INFO']:\n        start_response('200 OK', [])\n        return [repr(closed).encode()]\n"
        "    start_response('200 OK', [])\n"
        "    return Pieces([b'x'] if environ['QUERY_STRING'] else [b'x', 'not bytes'])\n",
    )
    async with serving(tmp_path) as site:
        assert (await site.get("/x.py?ok")).status == 200
        assert (await site.get("/x.py")).status == 500
        closed = (await site.get("/x.py/closed")).text
    assert sorted(json.loads(closed)) == [1, 2]


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_file_is_sent_through_the_file_wrapper_from_where_it_stands_and_closed(tmp_path: Path) -> None:
    write(tmp_path, "data.bin", bytes(range(256)) * 2000)
    write(
        tmp_path,
        "x.py",
        "import os\nlast = []\ndef application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'application/x')])\n"
        "    if environ['PATH_INFO']:\n        return [str(last[0].closed).encode()]\n"
        "    file = open(os.path.join(os.path.dirname(__file__), 'data.bin'), 'rb')\n"
        "    file.seek(2)\n    last[:] = [file]\n    return environ['wsgi.file_wrapper'](file)\n",
    )
    async with serving(tmp_path) as site:
        assert (await site.get("/x.py")).body == (bytes(range(256)) * 2000)[2:]
        assert (await site.get("/x.py/closed")).text == "True"


@pytest_twisted.ensureDeferred
async def test_a_generator_is_closed_when_its_client_goes_away(tmp_path: Path) -> None:
    write(
        tmp_path,
        "x.py",
        "import sys, time\ndef application(environ, start_response):\n" + START + "    try:\n"
        "        while True:\n            yield b'x' * 1000\n            time.sleep(0.001)\n"
        "    finally:\n        seen.append('closed')\nseen = []\n",
    )
    write(tmp_path, "seen.py", "import x\nprint(x.seen)")
    async with serving(tmp_path) as site:
        connection = await site.connect()
        connection.send(b"GET /x.py HTTP/1.1\r\nHost: h\r\n\r\n")
        await connection.until(b"xxx")
        await connection.close()
        await gone(site)
        assert (await site.get("/seen.py")).text == "['closed']\n"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_the_module_is_imported_once_and_again_when_it_or_a_neighbour_changes(tmp_path: Path) -> None:
    script = (
        "import os, uuid\nfrom _part import WORD\nLOADED = uuid.uuid4().hex\n"
        "def application(environ, start_response):\n" + START + "    return [f'{LOADED} {WORD} one'.encode()]\n"
        "if __name__ == '__main__':\n    raise SystemExit('not a program')\n"
    )
    write(tmp_path, "x.py", script)
    write(tmp_path, "_part.py", "WORD = 'old'")
    async with serving(tmp_path) as site:
        first, again = [(await site.get("/x.py")).text for _ in range(2)]
        write(tmp_path, "_part.py", "WORD = 'newer'")
        changed = (await site.get("/x.py")).text
        write(tmp_path, "x.py", script.replace("one", "three"))
        edited = (await site.get("/x.py")).text
        write(tmp_path, "x.py", "application = 1 / 0")
        broken = await site.get("/x.py")
        write(tmp_path, "x.py", script)
        mended = (await site.get("/x.py")).text
        (tmp_path / "x.py").unlink()
        assert (await site.get("/x.py")).status == 404
    assert first == again
    assert [first.split()[1:], changed.split()[1:], edited.split()[1:]] == [
        ["old", "one"],
        ["newer", "one"],
        ["newer", "three"],
    ]
    assert broken.status == 500
    assert mended.endswith("newer one")


APPLICATIONS = [
    "from wsgiref.simple_server import demo_app as application",
    "from wsgiref.simple_server import demo_app\napp = type(demo_app)(demo_app.__code__, demo_app.__globals__)",
    "from wsgiref.simple_server import demo_app\napplication = demo_app",
    "def application(a, b): return demo_app(a, b)\nfrom wsgiref.simple_server import demo_app\nnote = print('log')",
]
PRINTING = [
    "app = dict(a=1)\nprint('shown')",
    "application = form.get('application', 'none')\nresp_headers['X-A'] = application\nprint('shown')",
    "import sys\napp = str()\nsys.stdout.write('shown\\n')",
    "app = 'a name'\ndef show(): print('shown')\nshow()",
]


@pytest_twisted.ensureDeferred
async def test_an_application_is_known_by_its_name_and_a_script_that_prints_goes_on_printing(tmp_path: Path) -> None:
    sources = [*((source, "Hello world!") for source in APPLICATIONS), *((source, "shown\n") for source in PRINTING)]
    for number, (source, _) in enumerate(sources):
        write(tmp_path, f"x{number}.py", source)
    async with serving(tmp_path) as site:
        for number, (source, shown) in enumerate(sources):
            assert (await site.get(f"/x{number}.py")).text.startswith(shown), source


@pytest_twisted.ensureDeferred
async def test_what_cannot_be_called_is_no_application(tmp_path: Path) -> None:
    write(tmp_path, "x.py", "application = 3")
    async with serving(tmp_path, debug=True) as site:
        answer = await site.get("/x.py", headers={"Accept": "text/html"})
    assert (answer.status, "no WSGI application" in answer.text) == (500, True)


@pytest_twisted.ensureDeferred
async def test_first_requests_that_come_together_import_the_module_once(tmp_path: Path) -> None:
    write(tmp_path, "_count.py", "loads = []")
    write(
        tmp_path,
        "x.py",
        "import time, _count\n_count.loads.append(1)\ntime.sleep(0.05)\n"
        "def application(environ, start_response):\n" + START + "    return [str(len(_count.loads)).encode()]\n",
    )
    with logged() as log:
        async with serving(tmp_path) as site:
            answers = await gatherResults([ensureDeferred(site.get("/x.py")) for _ in range(6)])
    assert {answer.text for answer in answers} == {"1"}, log()
