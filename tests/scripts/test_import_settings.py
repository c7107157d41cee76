"""The settings of folders for scripts that are modules: interpreter, pythonpath, rootpkg, handler, dialect."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted
from handler_pages import page, text_of
from site_files import logged, write

from twistedsite.testing import serving


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_folders_of_one_interpreter_share_the_modules_of_the_folder_that_names_it(tmp_path: Path) -> None:
    write(tmp_path, "app/_folder.toml", "interpreter = 'shop'")
    write(tmp_path, "app/state.py", "seen = []")
    for folder in ("app", "app/one", "app/two", "app/two/deep"):
        write(tmp_path, f"{folder}/helper.py", f"name = {folder!r}")
        page(
            tmp_path,
            f"{folder}/x.py",
            "import state, helper",
            "(state.seen.append(1), len(state.seen), helper.name)[1:]",
        )
    async with serving(tmp_path) as site:
        for count, folder in enumerate(("app", "app/one", "app/two", "app/two/deep", "app"), 1):
            assert await text_of(site, f"/{folder}/x.py") == str((count, folder))


@pytest_twisted.ensureDeferred
async def test_without_a_name_and_under_another_name_folders_are_apart(tmp_path: Path) -> None:
    write(tmp_path, "_folder.toml", "pythonpath = ['_lib']")
    write(tmp_path, "_lib/state.py", "seen = []")
    for folder, name in (("a", "x"), ("b", "x"), ("c", "y"), ("d", ""), ("e", "")):
        write(tmp_path, f"{folder}/_folder.toml", f"interpreter = '{name}'")
        page(tmp_path, f"{folder}/x.py", "import state", "(state.seen.append(1), len(state.seen))[1]")
    async with serving(tmp_path, workers={"max_workers": 1}) as site:
        assert [await text_of(site, f"/{folder}/x.py") for folder in "abcde"] == ["1", "2", "1", "1", "1"]


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_pythonpath_replaces_the_scripts_own_folder_and_is_relative_to_who_says_it(tmp_path: Path) -> None:
    write(tmp_path, "app/_folder.toml", "pythonpath = ['lib', '../more', '/top']")
    for folder in ("app/lib", "more", "top", "app/sub"):
        write(tmp_path, f"{folder}/{folder.replace('/', '_')}.py", "name = __name__.rpartition('.')[2]")
        write(tmp_path, f"{folder}/every.py", f"name = {folder!r}\ndef other():\n    import top\n    return top.name")
    write(
        tmp_path,
        "app/sub/x.py",
        "import app_lib, more, top, every\nprint(app_lib.name, more.name, top.name, every.name, every.other())\n"
        "try:\n    import app_sub\nexcept ImportError:\n    print('not its own')",
    )
    async with serving(tmp_path) as site:
        assert await text_of(site, "/app/sub/x.py") == "app_lib more top app/lib top\nnot its own"
        write(tmp_path, "app/_folder.toml", "pythonpath = ['/top', 'lib', '../more']")
        assert (await text_of(site, "/app/sub/x.py")).startswith("app_lib more top top ")


@pytest.mark.isolation("threads", "workers")
@pytest.mark.parametrize("path", ["..", "../..", "/../x", "{outside}", "{outside}/../x"])
@pytest_twisted.ensureDeferred
async def test_pythonpath_stays_in_the_site_unless_the_server_allows_more(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, path: str
) -> None:
    outside = tmp_path_factory.mktemp("library")
    write(outside, "far.py", "name = 'far'")
    write(tmp_path, "_folder.toml", f"pythonpath = ['{path.format(outside=outside)}']")
    write(tmp_path, "x.py", "import far\nprint(far.name)")
    async with serving(tmp_path) as site:
        with logged() as log:
            assert (await site.get("/x.py")).status == 500
    assert path.startswith("{") or "_folder.toml: pythonpath: " in log()
    if path == "{outside}":
        async with serving(tmp_path, pythonpath=[str(outside)]) as site:
            assert await text_of(site) == "far"


@pytest_twisted.ensureDeferred
async def test_rootpkg_makes_the_folder_a_package(tmp_path: Path) -> None:
    write(tmp_path, "app/_folder.toml", "rootpkg = 'acme.shop'\ninterpreter = 'shop'\ndialect = 'handler'")
    write(tmp_path, "app/__init__.py", "started = True")
    write(tmp_path, "app/prices.py", "apple = 3\nseen = []")
    lines = "from . import prices\nimport acme.shop.prices as same\nfrom acme.shop import started"
    shown = "(__name__.partition('.')[2], prices is same, started, (prices.seen.append(1), len(prices.seen))[1])"
    page(tmp_path, "app/x.py", lines, shown)
    page(tmp_path, "app/sub/y.py", lines.replace("from . ", "from .. "), shown)
    write(tmp_path, "app/print/_folder.toml", "dialect = 'printing'\ninterpreter = 'other'")
    write(
        tmp_path,
        "app/print/z.py",
        "import acme.shop.prices\nfrom acme.shop import started\nprint(acme.shop.prices.apple, started)",
    )
    write(tmp_path, "app/out/_folder.toml", "handler = '/code.py'")
    page(tmp_path, "code.py", "", "'out' if __name__.count('.') == 1 else __name__")
    async with serving(tmp_path) as site:
        assert await text_of(site, "/app/x") == "('acme.shop.x', True, True, 1)"
        assert await text_of(site, "/app/sub/y") == "('acme.shop.sub.y', True, True, 2)"
        assert await text_of(site, "/app/print/z.py") == "3 True"
        assert await text_of(site, "/app/out/any") == "out"
        write(tmp_path, "app/__init__.py", "started = 'again'")
        assert await text_of(site, "/app/x") == "('acme.shop.x', True, 'again', 1)"


@pytest.mark.isolation("threads", "workers")
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/app/", "/app|/"),
        ("/app/a/b.css", "/app|/a/b.css"),
        ("/app/real.txt", "/app|/real.txt"),
        ("/app/sub/", "/app|/sub/"),
        ("/app/sub/x.py/", "/app|/sub/x.py/"),
        ("/app/free/x.py", "free"),
        ("/other.py", "other"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_one_handler_answers_every_url_below_its_folder(tmp_path: Path, url: str, expected: str) -> None:
    write(tmp_path, "app/_folder.toml", "handler = '../_code/all.py'\n[options]\nown = 'app'")
    write(tmp_path, "app/free/_folder.toml", "handler = ''")
    write(tmp_path, "app/free/x.py", "print('free')")
    write(tmp_path, "app/sub/x.py", "print('never')")
    write(tmp_path, "app/real.txt", "never")
    write(tmp_path, "other.py", "print('other')")
    write(tmp_path, "_code/near.py", "own = 'near'")
    page(
        tmp_path,
        "_code/all.py",
        "import near",
        "'|'.join([self.req.environ['SCRIPT_NAME'], self.req.path_info]) "
        "if (near.own, self.pb['own'], self.pb['handler']) == ('near', 'app', '_code/all.py') else self.pb",
    )
    async with serving(tmp_path) as site:
        for _ in range(2):
            assert await text_of(site, url) == expected
        assert (await site.get("/app")).status == 301
        write(tmp_path, "app/_folder.toml", "")
        assert (await site.get("/app/nothing")).status == 404


@pytest.mark.parametrize("handler", ["gone.py", "page.html", "sub", "../../out.py"])
@pytest_twisted.ensureDeferred
async def test_a_handler_that_is_no_script_answers_500(tmp_path: Path, handler: str) -> None:
    write(tmp_path, "app/_folder.toml", f"handler = '{handler}'")
    write(tmp_path, "app/page.html", "page")
    write(tmp_path, "app/sub/x.py", "print(1)")
    async with serving(tmp_path) as site:
        assert (await site.get("/app/x")).status == 500


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("dialect = 'handle'", "dialect: expected "),
        ("dialect = 'jinja'", "dialect: expected "),
        ("rootpkg = 'a-b'", "rootpkg: expected the name of a package"),
        ("rootpkg = 'a.class'", "rootpkg: expected the name of a package"),
        ("interpreter = 'a/b'", "interpreter: expected a name"),
        ("pythonpath = ['']", "pythonpath and handler: expected paths"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_setting_that_cannot_be_used_is_told_in_the_log(tmp_path: Path, setting: str, problem: str) -> None:
    write(tmp_path, "app/_folder.toml", setting)
    write(tmp_path, "app/x.py", "print(1)")
    async with serving(tmp_path) as site:
        with logged() as log:
            assert (await site.get("/app/x.py")).status == 500
    assert f"app/_folder.toml: {problem}" in log()


@pytest_twisted.ensureDeferred
async def test_the_dialect_of_a_folder_holds_below_it_too(tmp_path: Path) -> None:
    write(tmp_path, "_folder.toml", "dialect = 'printing'")
    write(tmp_path, "back/_folder.toml", "dialect = 'python'")
    for folder in ("", "sub/", "back/"):
        page(tmp_path, f"{folder}x.py", "print('printed')", "'handled'")
    async with serving(tmp_path) as site:
        assert [await text_of(site, f"/{folder}x.py") for folder in ("", "sub/", "back/")] == [
            "printed",
            "printed",
            "handled",
        ]
