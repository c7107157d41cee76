"""An extension that settings name a handler for: one of the server's own dialects, or what a package has brought."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from server_process import SERVE, run
from site_files import logged, write

from twistedsite import site_resource
from twistedsite.scripts.dialects import load_dialect
from twistedsite.scripts.importing.installed import installed_handlers
from twistedsite.settings.load import SettingsError
from twistedsite.tap.check import check
from twistedsite.testing import serving

pytestmark = pytest.mark.process

PLUGIN = Path(__file__).parents[1] / "support" / "handler_plugin"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the sample package has been installed, as pip does it."""
    folder = tmp_path_factory.mktemp("packages")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation")
    subprocess.run([*pip, "--target", str(folder), str(PLUGIN)], check=True)
    return folder


@pytest.fixture(autouse=True)
def installed(packages: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package can be imported, and nobody has looked yet: as when a server starts."""
    monkeypatch.syspath_prepend(packages)
    for known in (installed_handlers, load_dialect):
        known.cache_clear()
    yield
    for known in (installed_handlers, load_dialect):
        known.cache_clear()
    sys.modules.pop("shouting_pages", None)


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_module_that_a_package_brings_runs_files_of_an_extension(tmp_path: Path) -> None:
    write(tmp_path, "_folder.toml", "extensions = { '.loud' = 'shout' }")
    write(tmp_path, "a/hello.loud", "hello ")
    async with serving(tmp_path) as site:
        answer = await site.get("/a/hello.loud?word=you&word=there")
        assert (answer.text, answer.headers["content-type"]) == ("HELLO  you there", "text/plain; charset=utf-8")
        assert (await site.get("/a/hello")).text == "HELLO  "
        assert (await site.get("/a/hello.loud/rest/")).text == "HELLO /rest/ "
        posted = await site.get("/a/hello", method="POST", body={"word": "posted"})
        assert posted.text == "HELLO  posted"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_an_object_does_as_well_and_the_server_s_settings_may_name_it(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "x,<y>\n1,2\n")
    write(tmp_path, "off/_folder.toml", "extensions = { '.csv' = 'static' }")
    write(tmp_path, "off/a.csv", "x,y\n")
    async with serving(tmp_path, extensions={".csv": "table"}) as site:
        page = await site.get("/a.csv")
        assert page.text == "<table border=1><tr><td>x</td><td>&lt;y&gt;</td></tr><tr><td>1</td><td>2</td></tr></table>"
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        shown = await site.get("/off/a.csv")
        assert (shown.text, shown.headers["content-type"]) == ("x,y\n", "text/csv; charset=utf-8")


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_handler_that_fails_is_a_500_with_its_place_in_the_log(tmp_path: Path) -> None:
    write(tmp_path, "empty.csv")
    with logged() as log:
        async with serving(tmp_path, extensions={".csv": "table"}) as site:
            assert (await site.get("/empty.csv")).status == 500
    assert "ValueError: a table without rows" in log()
    assert "empty.csv" in log()


@pytest.mark.parametrize(
    ("name", "why"), [("odd", "has no run(exchange, interpreters)"), ("missing", "has no attribute 'nothing'")]
)
@pytest_twisted.ensureDeferred
async def test_what_is_no_handler_is_a_500(tmp_path: Path, name: str, why: str) -> None:
    write(tmp_path, "a.odd", "text")
    with logged() as log:
        async with serving(tmp_path, extensions={".odd": name}) as site:
            assert (await site.get("/a.odd")).status == 500
    assert why in log()


@pytest_twisted.ensureDeferred
async def test_a_folder_that_names_what_there_is_not_shows_nothing(tmp_path: Path) -> None:
    write(tmp_path, "in/_folder.toml", "extensions = { '.x' = 'guard' }")
    write(tmp_path, "in/a.x", "text")
    with logged() as log:
        async with serving(tmp_path) as site:
            assert (await site.get("/in/a.x")).status == 500
    assert "in/_folder.toml: extensions..x: expected one of " in log()
    assert "shout" in log()


@pytest_twisted.ensureDeferred
async def test_each_dialect_runs_whatever_its_files_are_called(tmp_path: Path) -> None:
    named = {".a": "printing", ".b": "jinja", ".c": "string_template", ".d": "markdown", ".e": "python"}
    texts = {".a": "print(1 + 1)", ".b": "{{ 1 + 1 }}", ".c": "$q", ".d": "*2*", ".e": "print(1 + 1)"}
    for extension, text in texts.items():
        write(tmp_path, f"page{extension}", text)
    async with serving(tmp_path, extensions=named) as site:
        for extension in texts:
            answer = await site.get(f"/page{extension}?q=2")
            assert "2" in answer.text.replace("*2*", ""), extension
            assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest_twisted.ensureDeferred
async def test_a_server_does_not_start_with_a_name_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"extensions\.\.x: expected one of .*got 'nothing'"):
        async with serving(tmp_path, extensions={".x": "nothing"}):
            raise AssertionError
    with pytest.raises(SettingsError, match="got 'nothing'"):
        site_resource(tmp_path, extensions={".x": "nothing"})


def test_the_settings_file_that_names_it_is_told(tmp_path: Path) -> None:
    write(tmp_path, "server.toml", "root = '.'\n[extensions]\n'.x' = 'nothing'\n")
    done = run(*SERVE, "--settings", "server.toml", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("scriptsite: server.toml: extensions..x: expected one of ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("extensions", [{"cgi": "printing"}, {".CGI": "printing"}, {".a/b": "jinja"}, {".a": "a b"}])
@pytest_twisted.ensureDeferred
async def test_what_is_no_extension_or_no_name_is_refused(tmp_path: Path, extensions: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="extensions: expected "):
        async with serving(tmp_path, extensions=extensions):
            raise AssertionError


def test_check_knows_the_names(tmp_path: Path) -> None:
    write(tmp_path, "_folder.toml", "[extensions]\n'.a' = 'shout'\n'.b' = 'jinja'\n'.c' = 'none'\n'.d' = 'shouts'\n")
    write(tmp_path, "server.toml", "extensions = { '.a' = 'table', '.b' = 'chair' }\n")
    (fault,) = check(str(tmp_path)).faults
    assert str(fault).startswith(f"{tmp_path / '_folder.toml'}:5: extensions..d: expected one of ")
    (fault,) = check(str(tmp_path / "server.toml")).faults
    assert str(fault).endswith("got 'chair'")
