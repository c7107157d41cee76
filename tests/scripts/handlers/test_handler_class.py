"""Handler classes, as Httpdapy had them, through a real socket: each name does what it did there."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from site_files import logged, write

from twistedsite.testing import serving
from twistedsite.testing.site import Response

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HEAD = "import twistedsite\nclass RequestHandler(twistedsite.RequestHandler):\n"


def handler(body: str) -> str:
    """A module whose handler has `body`, lines at the margin."""
    return HEAD + "".join(f"    {line}\n" for line in body.splitlines())


def content(expression: str) -> str:
    """A module whose page is what `expression` gives."""
    return handler(f"def Content(self):\n    return str({expression})")


async def asked(root: Path, source: str, path: str = "/x", **request: Any) -> Response:
    write(root, "x.py", source)
    async with serving(root) as site:
        return await site.get(path, **request)


async def shown(root: Path, expression: str, path: str = "/x", **request: Any) -> str:
    answer = await asked(root, content(expression), path, **request)
    assert answer.status == 200, answer.text
    return answer.text


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_the_content_is_the_page_and_html_by_default(tmp_path: Path) -> None:
    answer = await asked(tmp_path, handler("def Content(self):\n    return '<p>Grüße'"))
    assert (answer.status, answer.text) == (200, "<p>Grüße")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest_twisted.ensureDeferred
async def test_a_handler_that_overrides_nothing_answers_an_empty_page(tmp_path: Path) -> None:
    answer = await asked(tmp_path, handler("pass"))
    assert (answer.status, answer.text) == (200, "")


@pytest.mark.parametrize(
    "where",
    [
        "content_type = 'text/plain'\n",
        "def __init__(self, req):\n    super().__init__(req)\n    self.content_type = 'text/plain'\n",
    ],
)
@pytest_twisted.ensureDeferred
async def test_content_type_is_set_in_the_class_or_in_the_instance(tmp_path: Path, where: str) -> None:
    answer = await asked(tmp_path, handler(where + "def Content(self): return 'a'"))
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    answer = await asked(tmp_path, handler("content_type = 'image/png'\ndef Content(self): return b'\\x89'"))
    assert (answer.headers["content-type"], answer.body) == ("image/png", b"\x89")


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_redirect_answers_302_with_location_and_no_body(tmp_path: Path) -> None:
    source = handler("def Content(self):\n    self.redirect = 'other page?a=1'\n    return 'never sent'")
    answer = await asked(tmp_path, source)
    assert (answer.status, answer.headers["location"], answer.body) == (302, "other%20page?a=1", b"")


@pytest.mark.parametrize("name", ["Header", "Headers"])
@pytest_twisted.ensureDeferred
async def test_header_and_headers_may_be_overridden(tmp_path: Path, name: str) -> None:
    source = handler(
        f"def {name}(self):\n    twistedsite.RequestHandler.{name}(self)\n    self.rq.srvhdrs['X-Own'] = 'mine'\n"
        "def Content(self): return 'a'"
    )
    answer = await asked(tmp_path, source)
    assert (answer.headers["x-own"], answer.headers["content-type"]) == ("mine", "text/html; charset=utf-8")


@pytest_twisted.ensureDeferred
async def test_status_may_be_overridden(tmp_path: Path) -> None:
    source = handler(
        "def Status(self): self.rq.protocol_status(self.sn, 404, 'Gone fishing')\ndef Content(self): return 'no'"
    )
    answer = await asked(tmp_path, source)
    assert (answer.status, answer.text) == (404, "no")


@pytest_twisted.ensureDeferred
async def test_send_may_be_overridden(tmp_path: Path) -> None:
    source = handler(
        "def Content(self): return 'abc'\n"
        "def Send(self, content):\n"
        "    twistedsite.RequestHandler.Send(self, content.upper())\n    self.sn.net_write('!')"
    )
    assert (await asked(tmp_path, source)).text == "ABC!"


@pytest.mark.parametrize("debug", [False, True])
@pytest_twisted.ensureDeferred
async def test_handle_may_be_overridden_and_is_told_of_debug(tmp_path: Path, debug: bool) -> None:
    write(tmp_path, "_folder.toml", f"debug = {str(debug).lower()}")
    source = handler(
        "def Handle(self, debug=0):\n    self.rq.srvhdrs['content-type'] = 'text/x-own'\n"
        "    self.rq.start_response(self.sn)\n    self.sn.net_write(f'debug {debug}')"
    )
    answer = await asked(tmp_path, source)
    assert (answer.text, answer.headers["content-type"]) == (f"debug {debug}", "text/x-own")


@pytest.mark.parametrize("asked", ["req", "pb, rq, sn", "*all", "req, extra=None, more=None"])
@pytest_twisted.ensureDeferred
async def test_an_own_init_gets_what_it_asks_for(tmp_path: Path, asked: str) -> None:
    write(
        tmp_path,
        "x.py",
        "from twistedsite import RequestHandler as Base\nclass RequestHandler(Base):\n"
        f"    def __init__(self, {asked}):\n"
        f"        Base.__init__(self, {asked.partition(', extra')[0]})\n        self.own = [self.req.method]\n"
        "    def Header(self):\n        self.rq.srvhdrs['x-own'] = self.pb.findval('debug')\n"
        "        Base.Header(self)\n"
        "    def Content(self): return f'{self.own} {self.sn.client()[0]}'\n",
    )
    async with serving(tmp_path) as site:
        answer = await site.get("/x")
    assert (answer.text, answer.headers["x-own"]) == ("['GET'] 127.0.0.1", "False")


@pytest_twisted.ensureDeferred
async def test_there_is_one_instance_a_request_and_one_module_for_all(tmp_path: Path) -> None:
    source = (
        "import twistedsite\nloads = []\nclass RequestHandler(twistedsite.RequestHandler):\n    seen = 0\n"
        "    def Content(self):\n"
        "        self.seen += 1\n        loads.append(1)\n        return f'{self.seen} {len(loads)}'\n"
    )
    write(tmp_path, "x.py", source)
    async with serving(tmp_path) as site:
        assert [(await site.get("/x")).text for _ in range(3)] == ["1 1", "1 2", "1 3"]


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_an_edited_module_is_loaded_again_and_one_that_fails_works_when_it_is_mended(tmp_path: Path) -> None:
    write(tmp_path, "helper.py", "word = 'old'")
    write(tmp_path, "x.py", "import helper\n" + content("helper.word"))
    async with serving(tmp_path) as site:
        assert (await site.get("/x")).text == "old"
        write(tmp_path, "helper.py", "word = 'new'")
        assert (await site.get("/x")).text == "new"
        for broken in ("word = (", "1 / 0"):
            write(tmp_path, "helper.py", broken)
            assert (await site.get("/x")).status == 500
            assert (await site.get("/x")).status == 500
        write(tmp_path, "helper.py", "word = 'mended'")
        assert (await site.get("/x")).text == "mended"
        write(tmp_path, "x.py", content("'own'"))
        assert (await site.get("/x")).text == "own"


@pytest_twisted.ensureDeferred
async def test_without_autoreload_an_edit_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, "x.py", content("1"))
    async with serving(tmp_path, autoreload=False) as site:
        assert (await site.get("/x")).text == "1"
        write(tmp_path, "x.py", content("2"))
        assert (await site.get("/x")).text == "1"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/dir/hello", "hello"),
        ("/dir/hello.py", "hello"),
        ("/dir/hello.html", "hello"),
        ("/dir/hello.", "hello"),
        ("/dir/hello/a/b", "hello/a/b"),
        ("/dir/hello.html/a/", "hello/a/"),
        ("/dir/real.html", "a real file"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_the_last_part_of_the_url_without_its_extension_is_the_module(
    tmp_path: Path, path: str, text: str
) -> None:
    write(tmp_path, "dir/_folder.toml", "dialect = 'handler'")
    write(tmp_path, "dir/hello.py", content("'hello' + self.req.path_info"))
    write(tmp_path, "dir/hello.md", "*another of this stem*")
    write(tmp_path, "dir/real.html", "a real file")
    write(tmp_path, "dir/real.py", content("'never'"))
    async with serving(tmp_path) as site:
        assert (await site.get(path)).text == text


@pytest_twisted.ensureDeferred
async def test_a_module_without_a_handler_answers_an_error_and_never_runs(tmp_path: Path) -> None:
    write(tmp_path, "_folder.toml", "dialect = 'handler'")
    write(tmp_path, "seen.py", "ran = []")
    write(tmp_path, "plain.py", "import seen\nseen.ran.append('plain')\ndef RequestHandlers(): pass\n")
    write(tmp_path, "inner.py", "import seen\nseen.ran.append('inner')\ndef f():\n    class RequestHandler: pass\n")
    write(tmp_path, "x.py", "import seen\n" + content("seen.ran"))
    async with serving(tmp_path) as site:
        for path in ("/plain", "/plain.py", "/inner", "/seen", "/os", "/os.py", "/string", "/twistedsite", "/sys/exit"):
            answer = await site.get(path)
            assert answer.status == 404, path
            if path in ("/plain", "/inner"):
                assert "RequestHandler" in answer.text
        assert (await site.get("/x")).text == "[]"


@pytest.mark.parametrize(
    "source", ["from twistedsite import RequestHandler", "class RequestHandler: pass", "RequestHandler = 5"]
)
@pytest_twisted.ensureDeferred
async def test_a_request_handler_that_is_none_of_its_own_is_an_error(tmp_path: Path, source: str) -> None:
    write(tmp_path, "_folder.toml", "dialect = 'handler'\ndebug = true")
    answer = await asked(tmp_path, source)
    assert answer.status == 500
    assert "must be a class of its own" in answer.text


@pytest_twisted.ensureDeferred
async def test_a_handler_may_come_from_another_module(tmp_path: Path) -> None:
    write(tmp_path, "_folder.toml", "dialect = 'handler'")
    write(tmp_path, "base.py", content("'from base'"))
    assert (await asked(tmp_path, "from base import RequestHandler")).text == "from base"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_form_data_has_the_lists_of_query_and_body(tmp_path: Path) -> None:
    text = await shown(tmp_path, "self.form_data()", "/x?a=1&b=", method="POST", headers=FORM, body=b"a=2&c=%C3%A9")
    assert text == "{'a': ['1', '2'], 'b': [''], 'c': ['é']}"


@pytest_twisted.ensureDeferred
async def test_build_cgi_env_is_the_environment_of_a_cgi_program(tmp_path: Path) -> None:
    names = "[env[n] for n in ('REQUEST_METHOD', 'SCRIPT_NAME', 'PATH_INFO', 'QUERY_STRING', 'HTTP_X_ONE')]"
    text = await shown(tmp_path, f"(lambda env: {names})(self.build_cgi_env())", "/x/more?q=1", headers={"X-One": "1"})
    assert text == "['GET', '/x', '/more', 'q=1', '1']"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_cgi_program_migrates_by_a_hook_and_prints(tmp_path: Path) -> None:
    source = handler(
        "content_type = 'text/plain'\n"
        "def Content(self):\n    env = self.build_cgi_env()\n    self.hook_stdout()\n"
        "    print('You asked for', env['QUERY_STRING'])\n    print('Grüße', end='')\n"
    )
    answer = await asked(tmp_path, source, "/x?a=1")
    assert (answer.text, answer.headers["content-type"]) == ("You asked for a=1\nGrüße", "text/plain; charset=utf-8")


@pytest_twisted.ensureDeferred
async def test_the_first_print_sends_the_head_and_each_line_goes_straight_to_the_client(tmp_path: Path) -> None:
    write(tmp_path, "gate.py", "import threading\ngo = threading.Event()")
    source = "import gate\n" + handler(
        "def Content(self):\n    self.hook_stdout()\n    self.content_type = 'text/x-late'\n    print('first')\n"
        "    self.content_type = 'text/x-too-late'\n    assert gate.go.wait(20)\n    print('last')"
    )
    write(tmp_path, "x.py", source)
    write(tmp_path, "go.py", "import gate\ngate.go.set()")
    async with serving(tmp_path) as site:
        connection = await site.connect()
        connection.send(b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        begun = await connection.until(b"first\n")
        assert b"text/x-late; charset=utf-8" in begun
        assert b"last" not in begun
        await site.get("/go.py")
        assert b"last\n" in await connection.everything()


@pytest_twisted.ensureDeferred
async def test_unhook_stdout_ends_it_and_a_print_without_a_hook_is_not_in_the_page(tmp_path: Path) -> None:
    source = handler(
        "def Content(self):\n    print('before')\n    self.hook_stdout()\n    self.hook_stdout()\n"
        "    print('in the page')\n    self.unhook_stdout()\n    self.unhook_stdout()\n"
        "    print('after')\n    return 'content'"
    )
    assert (await asked(tmp_path, source)).text == "in the page\ncontent"


@pytest_twisted.ensureDeferred
async def test_a_handler_that_fails_while_it_has_the_hook_leaves_none_behind(tmp_path: Path) -> None:
    write(tmp_path, "bad.py", handler("def Content(self):\n    self.hook_stdout()\n    1 / 0"))
    write(tmp_path, "x.py", handler("def Content(self):\n    print('lost')\n    return 'clean'"))
    async with serving(tmp_path) as site:
        assert (await site.get("/bad")).status == 500
        assert (await site.get("/x")).text == "clean"


@pytest_twisted.ensureDeferred
async def test_sys_exit_ends_a_handler_quietly(tmp_path: Path) -> None:
    source = handler("def Content(self):\n    self.hook_stdout()\n    print('so far')\n    raise SystemExit")
    assert (await asked(tmp_path, source)).text == "so far\n"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_failing_handler_shows_its_traceback_in_debug_only(tmp_path: Path) -> None:
    write(tmp_path, "x.py", handler("def Content(self):\n    return 1 / 0"))
    async with serving(tmp_path) as site:
        answer = await site.get("/x")
        assert (answer.status, "ZeroDivision" in answer.text) == (500, False)
        write(tmp_path, "_folder.toml", "debug = true")
        answer = await site.get("/x")
        assert "ZeroDivisionError" in answer.text
        assert "x.py" in answer.text


@pytest.mark.process
@pytest.mark.isolation("threads", "workers")
def test_what_a_handler_imports_brings_no_twisted_in() -> None:
    code = (
        "import sys\nfrom twistedsite import RequestHandler, Template, Upload\n"
        "assert RequestHandler.__name__ == 'RequestHandler'\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'twisted'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_name_that_the_package_does_not_have_is_an_attribute_error() -> None:
    import twistedsite

    with pytest.raises(AttributeError, match="no attribute 'Handler'"):
        _ = twistedsite.Handler


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_log_err_writes_a_line_to_the_servers_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = io.StringIO()
    monkeypatch.setattr(sys, "stderr", errors)
    with logged() as log:
        await shown(tmp_path, "self.rq.log_err('warning', 'my\\x1bscript', 7, self.sn, self.rq)")
    assert "x.py: warning my?script 7\n" in errors.getvalue() + log() + "\n"
