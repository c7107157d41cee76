"""A folder that asks for a password: what it protects, who gets in, and what caches may keep of it."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path

import pytest
import pytest_twisted
from file_site import TWO_DAYS_AGO
from passwords import basic, users_file
from site_files import next_tick, write
from twisted.internet import reactor
from twisted.web import server
from twisted.web.resource import Resource

from twistedsite.origins import version
from twistedsite.resources.mapping.builder import build_site
from twistedsite.sessions.stores import open_store
from twistedsite.settings.server import ServerSettings
from twistedsite.testing import ServedSite, serving

SETTINGS = "[auth]\nfile = '_users'\nrealm = 'Inner \"circle\"'\n"
ANN = basic("ann", "sesame")
BROWSER = {"Accept": "text/html"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A site whose folder `in` asks for a password, with all kinds of things in it."""
    for name, content in {
        "in/_folder.toml": SETTINGS + "[redirects]\n'old' = 'a.txt'\n",
        "in/_users": users_file(ann="sesame", bob="builder"),
        "in/a.txt": "secret text " * 200,
        "in/a.txt.gz": gzip.compress(b"secret text " * 200),
        "in/run.py": "print('secret', REMOTE_USER, PATH_INFO)",
        "in/page.jinja": "secret {{ environ.REMOTE_USER }}",
        "in/list/b.txt": "secret b",
        "in/home/index.html": "secret home",
        "in/closed/_folder.toml": "listing = false",
        "out/a.txt": "for all",
        "run.py": "print('for all')",
    }.items():
        os.utime(write(tmp_path, name, content), (TWO_DAYS_AGO, TWO_DAYS_AGO))
    (tmp_path / "out/link.txt").symlink_to("../in/list/b.txt")
    return tmp_path


REACHED = {
    "/in": 301,
    "/in/": 200,
    "/in/?format=json": 200,
    "/in/a.txt": 200,
    "/in/a.txt.gz": 200,
    "/in/%61.txt": 200,
    "/in/run.py": 200,
    "/in/run": 200,
    "/in/run.py/rest/of/it": 200,
    "/in/run/rest": 200,
    "/in/page.jinja": 200,
    "/in/page": 200,
    "/in/list/": 200,
    "/in/list/b.txt": 200,
    "/in/home/": 200,
    "/in/old": 302,
    "/in/closed/": 403,
    "/in/nothing": 404,
    "/in/nothing/at/all": 404,
}


@pytest.mark.parametrize("path", REACHED)
@pytest_twisted.ensureDeferred
async def test_nothing_below_is_reached_without_a_password(root: Path, path: str) -> None:
    async with serving(root) as site:
        for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS", "PATCH"):
            for fields in ({}, {"Range": "bytes=0-3"}, {"Accept-Encoding": "gzip"}, {"If-None-Match": "*"}):
                refused = await site.get(path, method=method, headers=fields)
                assert (refused.status, refused.headers.get("location")) == (401, None)
                assert refused.headers["www-authenticate"] == 'Basic realm="Inner \\"circle\\"", charset="UTF-8"'
                assert refused.headers["cache-control"] == "no-store"
                assert b"secret" not in refused.body
        let_in = await site.get(path, headers=ANN)
        assert let_in.status == REACHED[path]
        # And this has opened the door for nobody else.
        assert (await site.get(path)).status == 401


@pytest_twisted.ensureDeferred
async def test_what_is_let_in_is_the_whole_answer(root: Path) -> None:
    async with serving(root) as site:
        assert (await site.get("/in/a.txt", headers=ANN)).text == "secret text " * 200
        part = await site.get("/in/a.txt", headers={**ANN, "Range": "bytes=0-5"})
        assert (part.status, part.text) == (206, "secret")
        assert (await site.get("/in/run/x", headers=ANN)).text == "secret ann /x\n"
        assert (await site.get("/in/page", headers=basic("bob", "builder"))).text == "secret bob"
        assert (await site.get("/in/list/", headers={**ANN, "Accept": "text/plain"})).text.count("b.txt") == 1
        assert (await site.get("/in/a.txt", method="OPTIONS", headers=ANN)).status == 204


@pytest_twisted.ensureDeferred
async def test_other_folders_ask_for_nothing(root: Path) -> None:
    async with serving(root) as site:
        assert (await site.get("/out/a.txt")).text == "for all"
        assert (await site.get("/run.py")).text == "for all\n"
        # A link is a path of its own: whoever puts one there opens that door.
        assert (await site.get("/out/link.txt")).text == "secret b"
        # And the name of a guarded folder is no secret.
        assert "in/" in (await site.get("/?format=text")).text


MALFORMED = [
    "Basic",
    "Basic ",
    "Basic !!!",
    "Basic YW5u",  # no colon
    "Basic OnNlc2FtZQ==",  # no user
    "Basic YW5uOnNlc2FtZQ",  # cut off
    "Basic YW5uOnNlc2FtZQ== x",
    "Basic " + "A" * 8000,
    "Basic YW5uOnNlc2FtZQA=",  # with a NUL
    "Basic /////w==",  # not UTF-8
    "Bearer YW5uOnNlc2FtZQ==",
    "Digest username=ann",
    "ann:sesame",
    "\xff\xfe",
]


@pytest.mark.parametrize("field", MALFORMED, ids=range(len(MALFORMED)))
@pytest_twisted.ensureDeferred
async def test_malformed_credentials_are_asked_for_again(root: Path, field: str) -> None:
    async with serving(root) as site:
        for _ in range(12):
            request = b"GET /in/a.txt HTTP/1.1\r\nHost: a\r\nAuthorization: %b\r\nConnection: close\r\n\r\n"
            answer = await site.raw(request % field.encode("latin-1"))
            assert answer.startswith(b"HTTP/1.1 401 ")
            assert b"\r\nWWW-Authenticate: Basic " in answer


@pytest_twisted.ensureDeferred
async def test_two_fields_are_none(root: Path) -> None:
    async with serving(root) as site:
        field = f"Authorization: {ANN['Authorization']}\r\n"
        answer = await site.raw(f"GET /in/ HTTP/1.1\r\nHost: a\r\n{field * 2}Connection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 401 ")
        answer = await site.raw(
            f"GET /in/ HTTP/1.1\r\nHost: a\r\n{field.replace('Basic', 'bASIC')}Connection: close\r\n\r\n".encode()
        )
        assert answer.startswith(b"HTTP/1.1 200 ")


@pytest_twisted.ensureDeferred
async def test_the_401_page_comes_in_the_form_that_is_asked_for(root: Path) -> None:
    write(root, "_errors/401.html", "<h1>Ring the bell</h1>")
    async with serving(root) as site:
        assert (await site.get("/in/", headers=BROWSER)).text == "<h1>Ring the bell</h1>"
        (root / "_errors/401.html").unlink()
        assert "Log in and try again" in (await site.get("/in/", headers=BROWSER)).text
        as_json = await site.get("/in/", headers={"Accept": "application/json"})
        assert as_json.headers["content-type"] == "application/problem+json"
        assert '"status":401' in as_json.text


@pytest_twisted.ensureDeferred
async def test_letters_beyond_ascii_are_utf_8_in_either_form(root: Path) -> None:
    write(root, "in/_users", users_file(Zoë="pässwort"))
    async with serving(root) as site:
        assert (await site.get("/in/list/b.txt", headers=basic("Zoë", "pässwort"))).status == 200
        # The same letters, each diaeresis a sign of its own.
        assert (await site.get("/in/list/b.txt", headers=basic("Zoe\u0308", "pa\u0308sswort"))).status == 200


@pytest_twisted.ensureDeferred
async def test_a_preflight_needs_a_password_unless_the_methods_leave_it_out(root: Path) -> None:
    preflight = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    async with serving(root) as site:
        assert (await site.get("/in/a.txt", method="OPTIONS", headers=preflight)).status == 401
        write(root, "in/_folder.toml", SETTINGS + "methods = ['GET', 'POST']")
        assert (await site.get("/in/a.txt", method="OPTIONS", headers=preflight)).status == 204
        assert (await site.get("/in/a.txt", method="HEAD")).status == 401


@pytest_twisted.ensureDeferred
async def test_users_may_be_named(root: Path) -> None:
    write(root, "in/_folder.toml", SETTINGS + "users = ['bob', 'carl']")
    async with serving(root) as site:
        assert (await site.get("/in/a.txt", headers=basic("bob", "builder"))).status == 200
        assert (await site.get("/in/a.txt", headers=ANN)).status == 403
        assert (await site.get("/in/a.txt", headers=basic("ann", "wrong"))).status == 401


@pytest_twisted.ensureDeferred
async def test_no_answer_from_behind_the_door_is_kept_ready(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "TICK_NS", -1)
    paths = ("/in/a.txt", "/in/run.py", "/in/run", "/in/home/", "/in/list/b.txt")
    async with serving(root) as site:
        for path in paths * 3:
            assert (await site.get(path, headers=ANN)).status == 200
            assert (await site.get(path)).status == 401


@pytest_twisted.ensureDeferred
async def test_what_was_kept_ready_is_not_sent_once_a_door_is_there(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version, "TICK_NS", -1)
    write(root, "out/run.py", "print('for all')")
    async with serving(root) as site:
        for path in ("/out/a.txt", "/out/run.py") * 3:
            assert (await site.get(path)).status == 200
        next_tick(root)
        write(root, "out/_folder.toml", "auth = { file = '_users' }")
        for path in ("/out/a.txt", "/out/run.py", "/out/"):
            # Without its file of users it is shut for everybody.
            assert (await site.get(path)).status == 401
            assert (await site.get(path, headers=ANN)).status == 500
        (root / "out/_folder.toml").unlink()
        assert (await site.get("/out/a.txt")).status == 200
        next_tick(root)
        write(root, "_folder.toml", "auth = { file = '_users' }")
        assert (await site.get("/out/a.txt")).status == 401
        assert (await site.get("/run.py")).status == 401


@pytest.mark.parametrize("path", ["/in/a.txt", "/in/run.py", "/in/list/", "/in", "/in/old", "/in/shout.py"])
@pytest_twisted.ensureDeferred
async def test_no_shared_cache_may_keep_an_answer(root: Path, path: str) -> None:
    told = 'public, max-age=60, s-maxage=600, private="set-cookie, x", must-revalidate'
    write(root, "in/_folder.toml", f"{(root / 'in/_folder.toml').read_text()}\n[headers]\nCache-Control = '{told}'\n")
    write(root, "in/shout.py", f"resp_headers['Cache-Control'] = '{told}'\nresp_headers['Vary'] = 'Cookie'\nprint(1)")
    async with serving(root) as site:
        answer = await site.get(path, headers=ANN)
    directives = [part.strip() for part in answer.headers["cache-control"].split(",")]
    assert "private" in directives or "no-store" in directives
    assert not {"public", "s-maxage=600"} & set(directives)
    assert 'private="set-cookie' not in answer.headers["cache-control"]
    assert "Authorization" in answer.headers["vary"]


@pytest_twisted.ensureDeferred
async def test_a_change_of_the_users_counts_at_once(root: Path) -> None:
    async with serving(root) as site:
        assert (await site.get("/in/a.txt", headers=ANN)).status == 200
        write(root, "in/_users", users_file(ann="changed"))
        assert (await site.get("/in/a.txt", headers=ANN)).status == 401
        assert (await site.get("/in/a.txt", headers=basic("ann", "changed"))).status == 200


@pytest_twisted.ensureDeferred
async def test_who_guesses_is_locked_out_and_others_are_not(root: Path) -> None:
    async with serving(root, auth={"attempts": 3, "lockout": "90s"}) as site:
        assert (await site.get("/in/a.txt", headers=ANN)).status == 200
        for number in range(3):
            # The same wrong password again is no further guess: a browser sends it with every picture.
            for _ in range(4):
                assert (await site.get("/in/a.txt", headers=basic("bob", f"guess {number}"))).status == 401
        refused = await site.get("/in/a.txt", headers=basic("bob", "builder"))
        assert refused.status == 429
        assert 80 <= int(refused.headers["retry-after"]) <= 90
        assert "www-authenticate" not in refused.headers
        # Who was let in a moment ago from the same address is no guesser.
        assert (await site.get("/in/a.txt", headers=ANN)).status == 200
        assert (await site.get("/in/a.txt")).status == 401


@pytest_twisted.ensureDeferred
async def test_a_right_password_ends_the_count(root: Path) -> None:
    async with serving(root, auth={"attempts": 2, "remember": 0}) as site:
        for number in range(6):
            assert (await site.get("/in/a.txt", headers=basic("ann", f"guess {number}"))).status == 401
            assert (await site.get("/in/a.txt", headers=ANN)).status == 200


@pytest_twisted.ensureDeferred
async def test_a_module_s_guessers_are_locked_out_too(root: Path) -> None:
    write(root, "in/_folder.toml", "[auth]\nmodule = 'guard'")
    write(root, "in/guard.py", "def authenticate(user, password, request):\n    return password == 'x'")
    async with serving(root, auth={"attempts": 2}) as site:
        assert (await site.get("/in/a.txt", headers=basic("b", "x"))).status == 200
        assert [(await site.get("/in/a.txt", headers=basic("a", p))).status for p in "abx"] == [401, 401, 429]
        assert (await site.get("/in/a.txt", headers=basic("b", "x"))).status == 200
        # Remembered is who was let in, not what he may see: the module is asked each time.
        write(root, "in/guard.py", "def authenticate(user, password, request):\n    return request.query == 'please'")
    async with serving(root, auth={"attempts": 2}) as site:
        assert [(await site.get(f"/in/a.txt{q}", headers=ANN)).status for q in ("?please", "", "?please")] == [
            200,
            401,
            200,
        ]


@pytest_twisted.ensureDeferred
async def test_the_log_says_who_came(root: Path, tmp_path: Path) -> None:
    log = tmp_path / "access"
    write(root, "in/_users", users_file(**{"ann": "sesame", 'Zoë "[x] y': "z"}))
    async with serving(root, access_log=str(log)) as site:
        await site.get("/in/a.txt", headers=ANN)
        await site.get("/in/run.py", headers=basic('Zoë "[x] y', "z"))
        await site.get("/in/a.txt", headers=basic("bob", "guess"))
        await site.get("/run.py", headers=ANN)
    assert [line.split(" ")[2] for line in log.read_text().splitlines()] == [
        "ann",
        "Zo\\xc3\\xab\\x20\\x22[x]\\x20y",
        "-",
        "-",
    ]


@pytest_twisted.ensureDeferred
async def test_a_realm_may_have_letters_beyond_ascii(root: Path) -> None:
    write(root, "in/_folder.toml", "auth = { file = '_users', realm = 'Café \\ Thé' }")
    async with serving(root) as site:
        assert 'realm="Café \\\\ Thé", charset' in (await site.get("/in/")).headers["www-authenticate"]


@pytest_twisted.ensureDeferred
async def test_the_door_is_there_in_another_program_s_site_too(root: Path) -> None:
    settings = ServerSettings(root=str(root))
    built = build_site(settings, open_store("memory", settings.session, time.time), reactor)
    top = Resource()
    top.putChild(b"mine", built.resource)
    port = reactor.listenTCP(0, server.Site(top), interface="127.0.0.1")
    try:
        site = ServedSite(port.getHost().port, reactor)
        for path in ("/mine/in/", "/mine/in/a.txt", "/mine/in/run"):
            assert (await site.get(path)).status == 401
            answer = await site.get(path, headers=ANN)
            assert answer.status == 200
            assert "private" in answer.headers["cache-control"]
        assert (await site.get("/mine/in/run", headers=ANN)).text == "secret ann \n"
    finally:
        await port.stopListening()
        built.stop()


@pytest_twisted.ensureDeferred
async def test_health_is_told_to_this_machine_all_the_same(root: Path) -> None:
    write(root, "_folder.toml", "[auth]\nfile = '_users'\n")
    async with serving(root) as site:
        assert (await site.get("/.well-known/scriptsite-health")).status == 200
        assert (await site.get("/.well-known/other")).status == 401
