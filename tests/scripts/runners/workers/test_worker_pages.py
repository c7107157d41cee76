"""What a script does in a thread it does in a worker: pages, forms, uploads, sessions, templates, streaming."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import pytest_twisted
from descriptors import open_descriptors
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

pytestmark = pytest.mark.process


@pytest_twisted.ensureDeferred
async def test_a_script_runs_in_another_process_of_another_group(write: Any, serve: Any) -> None:
    write("pid.py", "import os\nprint(os.getpid(), os.getpgrp())")
    async with serve() as site:
        answer = await site.get("/pid")
    pid, group = map(int, answer.text.split())
    assert answer.status == 200
    assert pid == group != os.getpid()


@pytest_twisted.ensureDeferred
async def test_one_worker_serves_one_request_after_the_other(write: Any, serve: Any) -> None:
    write("pid.py", "import os\nprint(os.getpid())")
    async with serve() as site:
        pids = {(await site.get("/pid")).text for _ in range(5)}
    assert len(pids) == 1


@pytest_twisted.ensureDeferred
async def test_globals_are_fresh_and_modules_are_kept(write: Any, serve: Any) -> None:
    write("counter.py", "count = 0")
    write("page.py", "import counter\ncounter.count += 1\nprint('seen' in globals(), counter.count)\nseen = 1")
    async with serve() as site:
        texts = [(await site.get("/page")).text for _ in range(3)]
    assert texts == ["False 1\n", "False 2\n", "False 3\n"]


@pytest_twisted.ensureDeferred
async def test_an_edited_neighbour_is_seen_by_the_next_request(write: Any, serve: Any) -> None:
    write("neighbour.py", "word = 'old'")
    write("page.py", "import neighbour\nprint(neighbour.word)")
    async with serve() as site:
        before = (await site.get("/page")).text
        write("neighbour.py", "word = 'quite new'")
        assert (before, (await site.get("/page")).text) == ("old\n", "quite new\n")


@pytest_twisted.ensureDeferred
async def test_a_form_and_its_cookies_reach_the_script(write: Any, serve: Any) -> None:
    write("form.py", "print(request['name'], cookies['taste'], environ['REQUEST_METHOD'])")
    async with serve() as site:
        answer = await site.get("/form", method="POST", body={"name": "Ada"}, jar={"taste": "sweet"})
    assert answer.text == "['Ada'] sweet POST\n"


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("size", [0, 1000, 3_000_000])
async def test_a_body_of_any_size_reaches_the_script(write: Any, serve: Any, size: int) -> None:
    write("body.py", "print(len(body), body.count(b'x'))")
    async with serve() as site:
        answer = await site.get(
            "/body", method="POST", body=b"x" * size, headers={"Content-Type": "application/octet-stream"}
        )
    assert answer.text == f"{size} {size}\n"


@pytest_twisted.ensureDeferred
async def test_a_worker_can_only_read_the_file_of_a_body(write: Any, serve: Any) -> None:
    write(
        "grab.py",
        """
        import os, fcntl
        modes = [fcntl.fcntl(int(fd), fcntl.F_GETFL) & os.O_ACCMODE for fd in os.listdir('/proc/self/fd')
                 if os.path.islink(f'/proc/self/fd/{fd}') and 'deleted' in os.readlink(f'/proc/self/fd/{fd}')
                 and 'memfd' not in os.readlink(f'/proc/self/fd/{fd}')]
        print(len(body), modes == [os.O_RDONLY])
        """,
    )
    async with serve(sandbox="off") as site:
        answer = await site.get(
            "/grab", method="POST", body=b"x" * 1_000_000, headers={"Content-Type": "application/octet-stream"}
        )
    assert answer.text == "1000000 True\n"


@pytest_twisted.ensureDeferred
async def test_a_session_is_kept_between_requests_of_a_visitor(write: Any, serve: Any) -> None:
    write("visits.py", "s = Session()\ns.visits = getattr(s, 'visits', 0) + 1\nprint(s.visits)")
    async with serve() as site:
        jar: dict[str, str] = {}
        mine = [(await site.get("/visits", jar=jar)).text for _ in range(3)]
        other = (await site.get("/visits", jar={})).text
    assert (mine, other) == (["1\n", "2\n", "3\n"], "1\n")


@pytest_twisted.ensureDeferred
async def test_a_session_is_renewed_and_ended(write: Any, serve: Any) -> None:
    write("in.py", "Session().name = 'Ada'\nrenew_session()")
    write("who.py", "print(getattr(Session(), 'name', 'nobody'))")
    write("out.py", "vars(Session()).clear()")
    async with serve() as site:
        jar: dict[str, str] = {}
        await site.get("/in", jar=jar)
        first = dict(jar)
        await site.get("/in", jar=jar)
        assert first != jar
        assert (await site.get("/who", jar=dict(first))).text == "nobody\n"
        assert (await site.get("/who", jar=jar)).text == "Ada\n"
        await site.get("/out", jar=jar)
        assert jar == {}


@pytest_twisted.ensureDeferred
async def test_no_change_of_a_session_is_lost_between_workers(write: Any, serve: Any) -> None:
    write("visits.py", "import time\ns = Session()\nn = getattr(s, 'n', 0)\ntime.sleep(0.01)\ns.n = n + 1\nprint(s.n)")
    async with serve() as site:
        jar: dict[str, str] = {}
        await site.get("/visits", jar=jar)
        answers = await gatherResults([Deferred.fromCoroutine(site.get("/visits", jar=dict(jar))) for _ in range(8)])
    assert sorted(int(answer.text) for answer in answers) == list(range(2, 10))


@pytest_twisted.ensureDeferred
async def test_a_value_that_no_session_can_hold_is_an_error_of_the_script(write: Any, serve: Any) -> None:
    write("bad.py", "Session().thing = object()")
    async with serve(debug=True) as site:
        answer = await site.get("/bad")
    assert answer.status == 500
    assert "JSON" in answer.text


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("page.tpl", "Costs $$5", "Costs $5"),
        ("page.jinja", "{{ 6 * 7 }}", "42"),
        ("page.md", "*hi*", "<em>hi</em>"),
    ],
)
async def test_templates_are_rendered_in_a_worker(write: Any, serve: Any, name: str, text: str, expected: str) -> None:
    write(name, text)
    async with serve() as site:
        answer = await site.get("/" + name)
    assert answer.status == 200
    assert expected in answer.text


@pytest_twisted.ensureDeferred
async def test_what_is_flushed_arrives_before_the_script_ends(write: Any, serve: Any, tmp_path: Any) -> None:
    os.mkfifo(tmp_path / "gate")
    write("slow.py", f"print('first', flush=True)\nopen({str(tmp_path / 'gate')!r}).read()\nprint('second')")
    async with serve(sandbox="off") as site:
        connection = await site.connect()
        connection.send(b"GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        early = await connection.until(b"first\n")
        os.close(os.open(tmp_path / "gate", os.O_WRONLY))
        assert b"second" not in early
        assert b"second" in await connection.everything()


@pytest_twisted.ensureDeferred
async def test_a_long_answer_arrives_whole(write: Any, serve: Any) -> None:
    write("long.py", "import sys\nfor n in range(200): sys.stdout.write(chr(65 + n % 26) * 50_000)")
    async with serve() as site:
        answer = await site.get("/long")
    assert answer.text == "".join(chr(65 + n % 26) * 50_000 for n in range(200))


@pytest_twisted.ensureDeferred
async def test_a_slow_client_keeps_no_worker_busy(write: Any, serve: Any) -> None:
    write("long.py", "import sys\nfor n in range(400): sys.stdout.write('x' * 50_000)\nsys.stdout.write('end')")
    write("well.py", "print('well')")
    async with serve(workers={"max_workers": 1, "output": "32M"}) as site:
        connection = await site.connect()
        connection.send(b"GET /long HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await connection.until(b"xxx")
        connection.pause()
        assert (await site.get("/well")).text == "well\n"
        connection.resume()
        assert (await connection.everything()).endswith(b"end\r\n0\r\n\r\n")


@pytest_twisted.ensureDeferred
async def test_a_slow_client_that_goes_away_costs_nothing_any_more(write: Any, serve: Any) -> None:
    write("long.py", "import sys\nfor n in range(400): sys.stdout.write('x' * 50_000)")
    async with serve(workers={"output": "32M", "output_total": "20M"}) as site:
        for _ in range(3):
            connection = await site.connect()
            connection.send(b"GET /long HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            await connection.until(b"xxx")
            connection.pause()
            await site.get("/ready")
            await connection.close()
        assert len((await site.get("/long")).body) == 20_000_000


@pytest_twisted.ensureDeferred
async def test_a_failing_script_shows_its_place_in_debug_mode_only(write: Any, serve: Any) -> None:
    write("fail.py", "fruit = 'quin' + 'ce'\npassword = 'hu' + 'sh'\n1 / 0")
    async with serve(debug=True) as site:
        shown = await site.get("/fail", headers={"Accept": "text/html"})
    async with serve() as site:
        hidden = await site.get("/fail")
    assert (shown.status, hidden.status) == (500, 500)
    assert "ZeroDivisionError" in shown.text
    assert "quince" in shown.text
    assert "hush" not in shown.text
    assert "ZeroDivisionError" not in hidden.text


@pytest_twisted.ensureDeferred
async def test_header_fields_and_status_are_the_scripts(write: Any, serve: Any) -> None:
    write("head.py", "resp_headers['Status'] = '404 Nope'\nresp_headers['X-Fruit'] = 'quince'\nprint('nope')")
    async with serve() as site:
        answer = await site.get("/head")
    assert (answer.status, answer.headers["x-fruit"]) == (404, "quince")


@pytest_twisted.ensureDeferred
async def test_a_redirection_and_a_malformed_form_are_answered(write: Any, serve: Any) -> None:
    write("away.py", "raise HTTP_REDIRECTION('there.html')")
    write("form.py", "print(request)")
    async with serve() as site:
        assert (await site.get("/away")).headers["location"] == "there.html"
        bad = await site.get(
            "/form", method="POST", body=b"nonsense", headers={"Content-Type": "multipart/form-data; boundary=x"}
        )
    assert bad.status == 400


@pytest_twisted.ensureDeferred
async def test_a_worker_knows_nothing_of_the_servers_environment(
    write: Any, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_TOKEN", "hush")
    write("env.py", "import json, os, sys\nprint(json.dumps([dict(os.environ), 'twisted' in sys.modules]))")
    async with serve() as site:
        environ, has_twisted = json.loads((await site.get("/env")).text)
    assert set(environ) <= {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"}
    assert not has_twisted


@pytest_twisted.ensureDeferred
async def test_a_worker_has_its_own_descriptors_only(write: Any, serve: Any) -> None:
    write("fds.py", "import os\nprint(len([fd for fd in os.listdir('/proc/self/fd')]))")
    async with serve(sandbox="off") as site:
        counts = {int((await site.get("/fds")).text) for _ in range(3)}
    # In, out, err, the two sockets, the shared memory as a file and as mapped, and the listing itself.
    assert counts == {8}


@pytest_twisted.ensureDeferred
async def test_a_server_that_has_stopped_leaves_nothing_open(write: Any, serve: Any) -> None:
    write("page.py", "Session().a = 1\nprint('x')")
    async with serve() as site:
        await site.get("/page")
    before = open_descriptors()
    async with serve() as site:
        await site.get("/page")
    # A client's end of a connection may be closed a moment later.
    for _ in range(500):
        if open_descriptors() <= before:
            break
        await deferLater(reactor, 0.01)
    assert open_descriptors() <= before


@pytest_twisted.ensureDeferred
async def test_health_tells_of_workers(write: Any, serve: Any) -> None:
    write("page.py", "print('x')")
    async with serve() as site:
        await site.get("/page")
        health = json.loads((await site.get("/.well-known/scriptsite-health")).text)
    assert health["scripts"] == {"workers": 1, "running": 0, "queued": 0, "restarts": 0}


@pytest_twisted.ensureDeferred
async def test_files_that_scripts_leave_open_harm_none_of_the_next_ones(write: Any, serve: Any) -> None:
    write("leave.py", "import os\ntry:\n    while True: os.dup(0)\nexcept OSError: print('none left')")
    write("few.py", "import os\nos.dup(0)\nprint(os.getpid())")
    write("well.py", "import os\nopen(__file__).close()\nprint('well')")
    async with serve(workers={"max_workers": 1}) as site:
        assert (await site.get("/few")).text == (await site.get("/few")).text
        for _ in range(2):
            assert (await site.get("/leave")).text == "none left\n"
            assert (await site.get("/well")).text == "well\n"
