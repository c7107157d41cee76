"""The folder as a resource of somebody else's Twisted program, and the server as a service of one."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from server_process import running

from twistedsite import make_service, site_resource
from twistedsite.settings.load import SettingsError

pytestmark = pytest.mark.process

PROGRAM = """
import sys
from twisted.internet import endpoints, reactor
from twisted.web.resource import Resource
from twisted.web.server import Site
from twistedsite import site_resource

root = Resource()
root.putChild(b"pages", site_resource(sys.argv[1], timeout="20s", sessions="sqlite:" + sys.argv[2]))
port = endpoints.serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(Site(root))
port.addCallback(lambda port: print(f"http://127.0.0.1:{port.getHost().port}/", flush=True))
reactor.run()
print("The reactor has ended")
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    root.mkdir()
    (root / "index.py").write_text("print('home')")
    (root / "echo.py").write_text("print(SCRIPT_NAME, PATH_INFO, form['word'], files['file'].value)")
    (root / "hang.py").write_text("print('begun', flush=True)\nwhile True: pass")
    return root


@pytest.fixture
def program(site: Path, tmp_path: Path) -> list[str]:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return [sys.executable, str(path), str(site), str(tmp_path / "sessions.db")]


def test_the_folder_answers_below_the_place_where_it_is_mounted(program: list[str]) -> None:
    with running(*program) as server:
        assert server.get("pages/") == (200, "home\n")
        assert server.get("pages") == (200, "home\n")  # after a redirect to the slash form
        assert server.get("elsewhere")[0] == 404
        assert server.get("pages/_secret")[0] == 403


def test_forms_arrive_through_a_stock_site(program: list[str]) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
    body = part % (b"word", b"hello") + part % (b'file"; filename="f', b"content") + b"--b--\r\n"
    with running(*program) as server:
        request = urllib.request.Request(
            server.url + "pages/echo.py/rest", body, {"Content-Type": "multipart/form-data; boundary=b"}
        )
        with urllib.request.urlopen(request) as response:
            assert response.read().decode() == "/pages/echo.py /rest hello b'content'\n"


NOTE = 'storage.write("/_note", f"{SCRIPT_NAME} {PATH_INFO} {environ[\'REQUEST_URI\']}")'
READ = """
import time
while True:
    try:
        print(storage.read("/_note").decode())
        break
    except FileNotFoundError:
        time.sleep(0.01)
"""


def test_a_background_request_reaches_a_script_by_the_name_that_a_visitor_would_use(
    site: Path, program: list[str]
) -> None:
    (site / "blog").mkdir()
    (site / "blog" / "note.py").write_text(NOTE)
    (site / "blog" / "start.py").write_text("print(background_request('note/rest?a=1', local=True))")
    (site / "read.py").write_text(READ)
    with running(*program) as server:
        assert server.get("pages/blog/start") == (200, "True\n")
        expected = "/pages/blog/note /rest /pages/blog/note/rest?a=1\n"
        assert server.get("pages/read") == (200, expected)


def test_a_script_that_hangs_does_not_keep_the_program(program: list[str]) -> None:
    with running(*program) as server, urllib.request.urlopen(server.url + "pages/hang.py") as response:
        assert response.readline() == b"begun\n"
        assert "The reactor has ended" in server.stop()


def test_settings_that_cannot_be_used_are_named(site: Path) -> None:
    with pytest.raises(SettingsError, match="settings: timeout: expected a duration"):
        site_resource(site, timeout="soon")
    with pytest.raises(SettingsError, match="settings: rooot: unknown key"):
        make_service({"rooot": str(site)})


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"settings: root: expected a folder that exists, got '.*/nowhere'"):
        site_resource(tmp_path / "nowhere")
    with pytest.raises(SettingsError, match="settings: root: expected a folder that exists, got ''"):
        make_service({})


def test_the_package_loads_nothing_of_twisted_until_it_is_used() -> None:
    code = "import sys, twistedsite; print([name for name in sys.modules if name.split('.')[0] == 'twisted'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
