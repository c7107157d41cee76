"""A Python module decides who may enter a folder, wherever scripts run; and where it fails, nobody enters."""

from __future__ import annotations

import json
import textwrap
from ast import literal_eval
from pathlib import Path

import pytest
import pytest_twisted
from passwords import basic
from site_files import logged, write

from twistedsite.testing import serving

GUARD = "def authenticate(user, password, request):\n    return password == user + '!'\n"
SETTINGS = "[auth]\nmodule = 'guard'\nrealm = 'My Realm'\n"
ANN = basic("ann", "ann!")


def guarded(root: Path, guard: str = GUARD, settings: str = SETTINGS, name: str = "guard.py") -> None:
    """A folder `in` that a module guards, with a file, a script and a folder in it."""
    write(root, "in/_folder.toml", settings)
    write(root, f"in/{name}", guard)
    write(root, "in/a.txt", "secret text")
    write(root, "in/a.py", "print('secret script')")
    write(root, "in/deep/b.txt", "deep secret")


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_module_lets_in_whom_it_knows_and_nobody_else(tmp_path: Path) -> None:
    guarded(tmp_path)
    async with serving(tmp_path) as site:
        for path in ("/in/", "/in/a.txt", "/in/a.py", "/in/a", "/in/deep/", "/in/deep/b.txt"):
            unknown = await site.get(path)
            assert (unknown.status, unknown.headers["www-authenticate"]) == (
                401,
                'Basic realm="My Realm", charset="UTF-8"',
            )
            assert "secret" not in unknown.text
            assert (await site.get(path, headers=basic("ann", "guess"))).status == 401
            assert (await site.get(path, headers=ANN)).status == 200


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_scripts_are_told_who_has_come(tmp_path: Path) -> None:
    guarded(tmp_path)
    write(tmp_path, "in/who.py", "print([environ.get(n) for n in ('REMOTE_USER', 'AUTH_TYPE', 'HTTP_AUTHORIZATION')])")
    write(tmp_path, "who.py", "print([environ.get(n) for n in ('REMOTE_USER', 'AUTH_TYPE', 'HTTP_AUTHORIZATION')])")
    write(tmp_path, "in/who.jinja", "{{ environ.REMOTE_USER }}")
    async with serving(tmp_path) as site:
        assert literal_eval((await site.get("/in/who.py", headers=basic("Zoë", "Zoë!"))).text) == ["Zoë", "Basic", None]
        assert (await site.get("/in/who.jinja", headers=ANN)).text == "ann"
        # What nobody has checked is nobody's name.
        assert literal_eval((await site.get("/who", headers=ANN)).text) == [None, None, None]


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_module_sees_the_request(tmp_path: Path) -> None:
    look = """
        import json
        def authenticate(user, password, request):
            seen = [request.method, request.path, request.query, request.scheme, request.client, request.headers["x-a"]]
            return json.dumps(seen + [request.options["door"], "authorization" in request.headers]) == password
    """
    guarded(tmp_path, textwrap.dedent(look), SETTINGS + "[options]\ndoor = 'blue'\n")
    seen = '["GET", "/in/a%2Etxt", "q=1", "http", "127.0.0.1", "y", "blue", false]'
    async with serving(tmp_path) as site:
        answer = await site.get("/in/a%2Etxt?q=1", headers={**basic("ann", seen), "X-A": "y"})
        assert answer.text == "secret text"


@pytest_twisted.ensureDeferred
async def test_a_class_decides_as_in_httpdapy(tmp_path: Path) -> None:
    handler = """
from twistedsite import AuthHandler as Base

class AuthHandler(Base):
    def authenticate(self, user, password):
        return (user, password) == ("ann", self.pb["word"]) and self.req.method == "GET"
"""
    guarded(tmp_path, handler, SETTINGS + "[options]\nword = 'sesame'\n")
    async with serving(tmp_path) as site:
        assert (await site.get("/in/a.txt", headers=basic("ann", "sesame"))).status == 200
        assert (await site.get("/in/a.txt", headers=basic("ann", "open"))).status == 401
        assert (await site.get("/in/a.txt", headers=basic("ann", "sesame"), method="HEAD")).status == 401


@pytest_twisted.ensureDeferred
async def test_a_handler_that_says_nothing_lets_nobody_in(tmp_path: Path) -> None:
    guarded(tmp_path, "from twistedsite import AuthHandler\n")
    async with serving(tmp_path) as site:
        assert (await site.get("/in/a.txt", headers=ANN)).status == 401


@pytest_twisted.ensureDeferred
async def test_a_module_is_loaded_again_when_it_or_what_it_imports_has_changed(tmp_path: Path) -> None:
    guarded(tmp_path, "import words\ndef authenticate(user, password, request):\n    return password in words.WORDS\n")
    write(tmp_path, "in/words.py", "WORDS = ['one']")
    async with serving(tmp_path) as site:
        assert (await site.get("/in/a.txt", headers=basic("ann", "one"))).status == 200
        write(tmp_path, "in/words.py", "WORDS = ['two', 'three']")
        assert (await site.get("/in/a.txt", headers=basic("ann", "one"))).status == 401
        assert (await site.get("/in/a.txt", headers=basic("ann", "three"))).status == 200
        write(tmp_path, "in/guard.py", "def authenticate(*_):\n    return False\n")
        assert (await site.get("/in/a.txt", headers=basic("ann", "three"))).status == 401


@pytest_twisted.ensureDeferred
async def test_a_module_may_have_a_name_that_is_never_served(tmp_path: Path) -> None:
    guarded(tmp_path, name="_guard.py")
    async with serving(tmp_path) as site:
        assert (await site.get("/in/a.txt", headers=ANN)).status == 200
        assert (await site.get("/in/_guard.py", headers=ANN)).status == 403


@pytest_twisted.ensureDeferred
async def test_somebody_known_who_may_not_enter_gets_403(tmp_path: Path) -> None:
    guarded(tmp_path, "def authenticate(user, password, request):\n    raise PermissionError(f'{user} is too young')\n")
    async with serving(tmp_path, debug=True) as site:
        answer = await site.get("/in/a.txt", headers=ANN)
    assert answer.status == 403
    assert "young" not in answer.text


FAILING = {
    "raises": ("def authenticate(*_):\n    return 1 / 0\n", 500),
    "stops": ("def authenticate(*_):\n    raise SystemExit(0)\n", 500),
    "does not compile": ("def authenticate(*_:\n", 500),
    "fails when imported": ("import nowhere\ndef authenticate(*_):\n    return True\n", 500),
    "defines nothing": ("allowed = True\n", 500),
    "is no function": ("authenticate = True\n", 500),
    "takes too few": ("def authenticate(user):\n    return True\n", 500),
    "is a coroutine that says no": ("async def authenticate(*_):\n    return False\n", 401),
    "is a coroutine that hangs": ("import asyncio\nasync def authenticate(*_):\n    await asyncio.sleep(99)\n", 504),
    "is a generator": ("def authenticate(*_):\n    yield False\n", 500),
    "is refused a file": ("def authenticate(*_):\n    raise PermissionError(13, 'Permission denied', '/x')\n", 500),
    "has a truth that fails": (
        "class Odd:\n    def __bool__(self):\n        raise ValueError\ndef authenticate(*_):\n    return Odd()\n",
        500,
    ),
    "hangs": ("def authenticate(*_):\n    while True: pass\n", 504),
    "hangs when imported": ("while True: pass\ndef authenticate(*_):\n    return True\n", 504),
    "says no by None": ("def authenticate(*_):\n    pass\n", 401),
}


@pytest.mark.isolation("threads", "workers")
@pytest.mark.parametrize("case", FAILING)
@pytest_twisted.ensureDeferred
async def test_a_module_that_fails_lets_nobody_in(tmp_path: Path, case: str) -> None:
    guard, status = FAILING[case]
    guarded(tmp_path, guard, "timeout = '0.3s'\ndebug = true\n" + SETTINGS)
    with logged() as log:
        async with serving(tmp_path) as site:
            for path in ("/in/a.txt", "/in/a.py"):
                answer = await site.get(path, headers={**basic("ann", "swordfish"), "Accept": "text/html"})
                assert answer.status == status
                assert "secret" not in answer.text
                # Debug mode shows a visitor whom nobody knows no source and no variables.
                assert "authenticate" not in answer.text
                assert "swordfish" not in answer.text
    assert "swordfish" not in log()
    assert status == 401 or "in/guard.py" in log()


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_module_may_be_asynchronous(tmp_path: Path) -> None:
    guarded(tmp_path, "async def authenticate(user, password, request):\n    return password == 'yes'\n")
    async with serving(tmp_path) as site:
        assert (await site.get("/in/a.txt", headers=basic("ann", "yes"))).status == 200
        assert (await site.get("/in/a.txt", headers=basic("ann", "no"))).status == 401


@pytest_twisted.ensureDeferred
async def test_what_a_module_prints_decides_nothing(tmp_path: Path) -> None:
    guarded(tmp_path, "def authenticate(*_):\n    print('Status: 204\\n\\n204', flush=True)\n    return False\n")
    async with serving(tmp_path) as site:
        assert (await site.get("/in/a.txt", headers=ANN)).status == 401


@pytest_twisted.ensureDeferred
async def test_a_module_that_is_missing_or_a_folder_lets_nobody_in(tmp_path: Path) -> None:
    guarded(tmp_path)
    (tmp_path / "in/guard.py").unlink()
    with logged() as log:
        async with serving(tmp_path) as site:
            assert (await site.get("/in/a.txt", headers=ANN)).status == 500
            (tmp_path / "in/guard.py").mkdir()
            assert (await site.get("/in/a.txt", headers=ANN)).status == 500
    assert "in/guard.py: there is no such authentication module" in log()


@pytest_twisted.ensureDeferred
async def test_where_no_scripts_run_no_module_of_that_folder_does_either(tmp_path: Path) -> None:
    guarded(
        tmp_path, "open('/dev/null').close()\ndef authenticate(*_):\n    return True\n", "scripts = false\n" + SETTINGS
    )
    with logged() as log:
        async with serving(tmp_path) as site:
            assert (await site.get("/in/a.txt", headers=ANN)).status == 500
        write(tmp_path, "in/_folder.toml", SETTINGS)
        write(tmp_path, "in/deep/_folder.toml", "scripts = false")
        async with serving(tmp_path, scripts=False) as site:
            assert (await site.get("/in/a.txt", headers=ANN)).status == 500
    assert log().count("in: scripts are off here, so its authentication module is not run") == 2
    async with serving(tmp_path) as site:
        # The module of a folder above, where scripts run, guards what is shown as text here.
        assert (await site.get("/in/deep/b.txt")).status == 401
        assert (await site.get("/in/deep/b.txt", headers=ANN)).text == "deep secret"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_client_that_goes_away_stops_the_module(tmp_path: Path) -> None:
    guarded(tmp_path, "import time\ndef authenticate(*_):\n    while True: time.sleep(0.01)\n")
    async with serving(tmp_path) as site:

        async def running() -> int:
            health = await site.get("/.well-known/scriptsite-health")
            return int(json.loads(health.text)["scripts"]["running"])

        client = await site.connect()
        client.send(f"GET /in/ HTTP/1.1\r\nHost: a\r\nAuthorization: {ANN['Authorization']}\r\n\r\n".encode())
        while await running() == 0:
            pass
        await client.close()
        while await running() > 0:
            pass


@pytest_twisted.ensureDeferred
async def test_a_folder_below_may_have_a_guard_of_its_own_or_none(tmp_path: Path) -> None:
    guarded(tmp_path)
    write(tmp_path, "in/open/_folder.toml", "auth = { off = true }")
    write(tmp_path, "in/open/a.txt", "for all")
    write(tmp_path, "in/other/_folder.toml", "auth = { module = 'lib/door', realm = 'Other' }")
    write(tmp_path, "in/other/lib/door.py", "def authenticate(user, password, request):\n    return password == 'x'\n")
    write(tmp_path, "in/other/below/a.txt", "for some")
    async with serving(tmp_path) as site:
        assert (await site.get("/in/open/a.txt")).text == "for all"
        assert 'realm="Other"' in (await site.get("/in/other/below/a.txt")).headers["www-authenticate"]
        assert (await site.get("/in/other/below/a.txt", headers=ANN)).status == 401
        assert (await site.get("/in/other/below/a.txt", headers=basic("ann", "x"))).text == "for some"


@pytest_twisted.ensureDeferred
async def test_only_the_named_methods_need_a_password(tmp_path: Path) -> None:
    guarded(tmp_path, settings=SETTINGS + "methods = ['POST', 'GET']\n")
    write(tmp_path, "in/m.py", "print(environ.get('REMOTE_USER', 'nobody'))")
    async with serving(tmp_path) as site:
        for method in ("GET", "HEAD", "POST"):
            assert (await site.get("/in/m.py", method=method)).status == 401
        assert (await site.get("/in/m.py", method="PUT")).text == "nobody\n"
        # Where no password is needed, none is looked at.
        assert (await site.get("/in/m.py", method="PUT", headers=basic("ann", "wrong"))).text == "nobody\n"
        assert (await site.get("/in/m.py", method="POST", headers=ANN)).text == "ann\n"
