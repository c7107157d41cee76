"""Interpreters: which folders share modules, where modules are looked for, and by which names they are known."""

from __future__ import annotations

import importlib
import sys
import textwrap
import threading
from pathlib import Path

import pytest
import pytest_twisted
from site_files import logged, write
from twisted.internet.defer import ensureDeferred, gatherResults

from twistedsite.testing import ServedSite, serving


async def text_of(site: ServedSite, path: str = "/x.py") -> str:
    answer = await site.get(path)
    assert answer.status == 200, answer.text
    return answer.text.strip()


def page(root: Path, name: str, lines: str, expression: str) -> None:
    """A handler whose page is what `expression` gives, below `lines`."""
    body = f"class RequestHandler(Base):\n    def Content(self): return str({expression})\n"
    write(root, name, f"from twistedsite import RequestHandler as Base\n{textwrap.dedent(lines)}\n{body}")


# `importlib.import_module`, `__import__`, `from . import`


@pytest.mark.parametrize(
    "script",
    [
        "import importlib\nprint(importlib.import_module('helper').name)",
        "from importlib import import_module as get\nprint(get('pack.inner').name)",
        "import importlib, pack\nprint(importlib.import_module('.inner', pack.__name__).name)",
        "print(__import__('helper').name)",
        "print(__import__('pack.inner').inner.name)",
        "print(__import__('pack', globals(), locals(), ['inner'], 0).inner.name)",
        "import pack.inner\nprint(pack.inner.name)",
        "import pack.inner as it\nprint(it.name)",
        "from . import helper\nprint(helper.name)",
        "from .pack import inner\nprint(inner.name)",
        "exec('import helper\\nprint(helper.name)')",
        "print(eval('__import__(\"helper\").name'))",
        "import through\nprint(through.get('helper').name)",
        "from loose import leaf\nprint(leaf.name)",
        "import loose.leaf\nprint(loose.leaf.name)",
    ],
)
@pytest_twisted.ensureDeferred
async def test_every_way_to_import_finds_a_neighbour(tmp_path: Path, script: str) -> None:
    for name in ("helper.py", "pack/inner.py", "loose/leaf.py"):
        write(tmp_path, name, "name = 'mine'")
    write(tmp_path, "pack/__init__.py")
    write(tmp_path, "through.py", "import importlib\ndef get(name): return importlib.import_module(name)")
    write(tmp_path, "x.py", script)
    async with serving(tmp_path) as site:
        assert await text_of(site) == "mine"
    assert "helper" not in sys.modules


@pytest_twisted.ensureDeferred
async def test_a_library_that_imports_by_name_finds_a_neighbour_after_its_own(tmp_path: Path) -> None:
    # As Django does with its settings: `logging.config` and `pkgutil` call importlib for names that they are told.
    write(tmp_path, "json.py", "name = 'mine'")
    write(tmp_path, "mysettings/__init__.py", "name = 'settings'")
    write(tmp_path, "mysettings/deep.py", "name = 'deep'")
    write(
        tmp_path,
        "x.py",
        "import pkgutil\nget = pkgutil.resolve_name\nprint(get('mysettings:name'), get('mysettings.deep:name'),"
        "hasattr(get('json'), 'name'))",
    )
    async with serving(tmp_path) as site:
        assert await text_of(site) == "settings deep False"


@pytest_twisted.ensureDeferred
async def test_a_name_that_nothing_has_is_told_as_ever(tmp_path: Path) -> None:
    write(
        tmp_path,
        "x.py",
        "import importlib\nfor name in ('nowhere', 'pack.nowhere'):\n    try: importlib.import_module(name)\n"
        "    except ModuleNotFoundError as error: print(error, error.name, end=' ')",
    )
    write(tmp_path, "pack/__init__.py")
    async with serving(tmp_path) as site:
        assert await text_of(site) == "No module named 'nowhere' nowhere No module named 'pack.nowhere' pack.nowhere"


def test_import_module_is_pythons_own_again_when_the_last_server_has_gone(tmp_path: Path) -> None:
    from twistedsite.scripts.code import CodeCache
    from twistedsite.scripts.interpreters import Interpreters

    before = importlib.import_module
    one, two = Interpreters(CodeCache()), Interpreters(CodeCache())
    assert importlib.import_module is not before
    assert importlib.import_module("json") is sys.modules["json"]
    one.close()
    assert importlib.import_module is not before
    two.close()
    one.close()
    assert importlib.import_module is before


@pytest_twisted.ensureDeferred
async def test_a_folder_that_becomes_a_package_is_one_at_once(tmp_path: Path) -> None:
    write(tmp_path, "loose/leaf.py", "name = 'leaf'")
    write(tmp_path, "x.py", "import loose.leaf\nprint(loose.leaf.name, getattr(loose, 'own', 'none'))")
    async with serving(tmp_path) as site:
        assert await text_of(site) == "leaf none"
        write(tmp_path, "loose/__init__.py", "own = 'own'")
        assert await text_of(site) == "leaf own"


@pytest_twisted.ensureDeferred
async def test_a_folder_of_data_does_not_hide_the_standard_library(tmp_path: Path) -> None:
    write(tmp_path, "json/data.txt", "x")
    write(tmp_path, "x.py", "import json\nprint(json.dumps(1))")
    async with serving(tmp_path) as site:
        assert await text_of(site) == "1"


# Modules that stay, one for all


@pytest_twisted.ensureDeferred
async def test_the_state_of_a_module_lasts_from_request_to_request(tmp_path: Path) -> None:
    page(tmp_path, "x.py", "import itertools\ncount = itertools.count(1)", "next(count)")
    async with serving(tmp_path) as site:
        assert [await text_of(site) for _ in range(4)] == ["1", "2", "3", "4"]


@pytest_twisted.ensureDeferred
async def test_a_handler_first_asked_for_by_many_at_once_is_loaded_once(tmp_path: Path) -> None:
    write(tmp_path, "counted.py", "loads = 0")
    page(
        tmp_path,
        "x.py",
        "import counted, threading\ncounted.loads += 1\nthreading.Event().wait(0.05)",
        "counted.loads",
    )
    async with serving(tmp_path) as site:
        assert await gatherResults([ensureDeferred(text_of(site)) for _ in range(8)]) == ["1"] * 8


@pytest_twisted.ensureDeferred
async def test_what_has_imported_a_changed_module_is_loaded_again_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, "leaf.py", "value = 1")
    write(tmp_path, "middle.py", "import importlib\nleaf = importlib.import_module('leaf')\nvalue = leaf.value")
    write(tmp_path, "other.py", "state = []")
    page(tmp_path, "x.py", "import middle, other", "(other.state.append(1), len(other.state), middle.value)[1:]")
    async with serving(tmp_path) as site:
        assert await text_of(site) == "(1, 1)"
        write(tmp_path, "leaf.py", "value = 2")
        assert await text_of(site) == "(2, 2)"


@pytest_twisted.ensureDeferred
async def test_a_module_with_a_dot_or_a_dash_in_its_name_is_loaded(tmp_path: Path) -> None:
    page(tmp_path, "my-page.v2.py", "", "__name__.rpartition('.')[2]")
    async with serving(tmp_path) as site:
        assert await text_of(site, "/my-page.v2.py") == "my-page_v2"


# Pickles, dataclasses, `__main__`


POINT = (
    "from __future__ import annotations\nimport dataclasses, enum, pickle, typing\n"
    "@dataclasses.dataclass\nclass Point:\n    x: int\n    near: list[Point]\n    limit: typing.ClassVar[int] = 3\n"
    "class Colour(enum.Enum):\n    RED = 1\n"
    "def double(n): return 2 * n\n"
)


@pytest.mark.parametrize("dialect", ["printing", "handler"])
@pytest_twisted.ensureDeferred
async def test_a_scripts_own_classes_can_be_pickled_and_looked_up(tmp_path: Path, dialect: str) -> None:
    shown = (
        "(pickle.loads(pickle.dumps([Point(1, [Point(2, [])]), Colour.RED, double])) == "
        "[Point(1, [Point(2, [])]), Colour.RED, double], sorted(typing.get_type_hints(Point)), "
        "[f.name for f in dataclasses.fields(Point)])"
    )
    if dialect == "printing":
        write(tmp_path, "x.py", POINT + f"print({shown})")
    else:
        page(tmp_path, "x.py", "", shown)
        write(tmp_path, "x.py", POINT + (tmp_path / "x.py").read_text())
    async with serving(tmp_path) as site:
        for _ in range(2):
            assert await text_of(site) == "(True, ['limit', 'near', 'x'], ['x', 'near'])"


@pytest.mark.parametrize("dialect", ["printing", "handler"])
@pytest_twisted.ensureDeferred
async def test_a_pickle_in_the_session_is_read_by_a_later_request(tmp_path: Path, dialect: str) -> None:
    code = (
        "def work(session):\n    if hasattr(session, 'kept'):\n"
        "        point = pickle.loads(base64.b64decode(session.kept))\n"
        "        return f'{point.x} {type(point) is Point}'\n"
        "    session.kept = base64.b64encode(pickle.dumps(Point(7, []))).decode()\n    return 'kept'\n"
    )
    source = POINT + "import base64\n" + code
    if dialect == "printing":
        write(tmp_path, "x.py", source + "print(work(Session()))")
    else:
        page(tmp_path, "x.py", "", "work(self.req.session)")
        write(tmp_path, "x.py", source + (tmp_path / "x.py").read_text())
    jar: dict[str, str] = {}
    # A worker for each request: the pickle is read by another process than the one that has made it.
    async with serving(tmp_path, workers={"reuse": "per-request"}) as site:
        assert (await site.get("/x.py", jar=jar)).text.strip() == "kept"
        assert (await site.get("/x.py", jar=jar)).text.strip() == "7 True"


@pytest_twisted.ensureDeferred
async def test_a_script_is_main_and_a_module_is_not(tmp_path: Path) -> None:
    idiom = "ran = False\ndef main():\n    global ran\n    ran = True\nif __name__ == '__main__':\n    main()\n"
    write(tmp_path, "helper.py", idiom)
    write(
        tmp_path,
        "x.py",
        idiom + "import __main__, sys, helper\nprint(ran, helper.ran, __main__.ran,"
        "sys.modules['__main__'] is __main__, __main__.__file__ == __file__, hasattr(__main__, 'nothing'))",
    )
    page(tmp_path, "y.py", idiom, "(ran, __name__.rpartition('.')[2])")
    main = sys.modules["__main__"]
    async with serving(tmp_path) as site:
        assert await text_of(site) == "True False True True True False"
        assert await text_of(site, "/y.py") == "(False, 'y')"
    assert sys.modules["__main__"] is main


@pytest_twisted.ensureDeferred
async def test_scripts_that_run_at_once_are_each_main(tmp_path: Path) -> None:
    write(tmp_path, "meet.py", "import threading\nbarrier = threading.Barrier(2, timeout=20)")
    for name in "ab":
        write(
            tmp_path,
            f"{name}.py",
            f"import meet, pickle\nclass Own:\n    name = {name!r}\nmeet.barrier.wait()\n"
            "kept = pickle.dumps(Own)\nmeet.barrier.wait()\nprint(pickle.loads(kept).name)",
        )
    async with serving(tmp_path) as site:
        both = [ensureDeferred(text_of(site, f"/{name}.py")) for name in "ab"]
        assert await gatherResults(both) == ["a", "b"]


def test_outside_of_scripts_main_is_the_programs_own() -> None:
    from twistedsite.scripts.main_module import be_main, restore_main

    original = sys.modules["__main__"]
    seen: list[object] = []

    def script() -> None:
        be_main({"own": 1})
        seen.append(sys.modules["__main__"].own)  # type: ignore[attr-defined]  # what be_main has given it
        sys.modules["__main__"].other = 2  # type: ignore[attr-defined]
        del sys.modules["__main__"].other  # type: ignore[attr-defined]

    thread = threading.Thread(target=script)
    thread.start()
    thread.join()
    assert seen == [1]
    assert sys.modules["__main__"].__dict__ is original.__dict__
    restore_main()
    assert sys.modules["__main__"] is original


# The settings of folders


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
    async with serving(tmp_path) as site:
        assert await text_of(site, "/app/x") == "('acme.shop.x', True, True, 1)"
        assert await text_of(site, "/app/sub/y") == "('acme.shop.sub.y', True, True, 2)"
        write(tmp_path, "app/__init__.py", "started = 'again'")
        assert await text_of(site, "/app/x") == "('acme.shop.x', True, 'again', 1)"


@pytest.mark.parametrize(
    ("url", "told"),
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
async def test_one_handler_answers_every_url_below_its_folder(tmp_path: Path, url: str, told: str) -> None:
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
            assert await text_of(site, url) == told
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
