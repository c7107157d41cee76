"""Interpreters: what scripts import and by which names, what stays loaded, and what finds a script's own classes."""

from __future__ import annotations

import importlib
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from handler_pages import page, text_of
from site_files import write
from twisted.internet.defer import ensureDeferred, gatherResults

from twistedsite.testing import serving

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


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_library_that_imports_by_name_finds_a_neighbour_after_its_own(tmp_path: Path) -> None:
    # As Django does with its settings: `logging.config` and `pkgutil` call importlib for names that they are told.
    write(tmp_path, "json.py", "name = 'mine'")
    write(tmp_path, "_folder.toml", "shadow_stdlib = true")
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
    from twistedsite.scripts.code.cache import CodeCache
    from twistedsite.scripts.importing.interpreters import Interpreters

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


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_each_process_has_a_copy_of_its_own(tmp_path: Path, isolation: str) -> None:
    page(tmp_path, "x.py", "import itertools\ncount = itertools.count(1)", "next(count)")
    async with serving(tmp_path, workers={"reuse": "per-request"}) as site:
        seen = [await text_of(site) for _ in range(3)]
    assert seen == (["1", "2", "3"] if isolation == "threads" else ["1", "1", "1"])


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


@pytest.mark.isolation("threads", "workers")
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
async def test_scripts_whose_names_differ_by_a_dot_only_are_modules_of_their_own(tmp_path: Path) -> None:
    names = ["my-page.v2.py", "my-page_v2.py", "my.page.py", "my_page.py", "my_page.PY"]
    for name in names:
        page(tmp_path, name, "", repr(name))
    async with serving(tmp_path) as site:
        for _ in range(2):
            assert [await text_of(site, f"/{name}") for name in names] == names


@pytest.mark.isolation("threads", "workers")
def test_sites_do_not_share_an_interpreter_of_one_name(tmp_path: Path) -> None:
    from twistedsite.scripts.code.cache import CodeCache
    from twistedsite.scripts.importing.interpreters import Interpreters
    from twistedsite.scripts.messages.imports import ImportSettings

    interpreters = Interpreters(CodeCache())
    found = []
    for site in ("one", "two"):
        root = str(write(tmp_path, f"{site}/state.py", "seen = []").parent)
        interpreter = interpreters.get(root, ImportSettings(interpreter="shop", root=root, interpreter_folder=root))
        names: dict[str, object] = {"__builtins__": interpreter.builtins}
        exec("import state", names)
        found.append((interpreter.table, names["state"]))
    interpreters.close()
    assert found[0][0] is not found[1][0]
    assert found[0][1] is not found[1][1]


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


@pytest.mark.isolation("threads", "workers")
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


@pytest.mark.isolation("threads", "workers")
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
    from twistedsite.scripts.importing.main_module import be_main, restore_main

    original = sys.modules["__main__"]
    seen: list[object] = []

    def script() -> None:
        be_main({"own": 1})
        main: Any = sys.modules["__main__"]
        seen.append(main.own)
        main.other = 2
        del main.other

    thread = threading.Thread(target=script)
    thread.start()
    thread.join()
    assert seen == [1]
    assert sys.modules["__main__"].__dict__ is original.__dict__
    restore_main()
    assert sys.modules["__main__"] is original
