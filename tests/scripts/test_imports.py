"""What a script imports: neighbours first, live when edited, apart from those of other folders."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest
import pytest_twisted
from site_files import write
from twisted.internet.defer import ensureDeferred, gatherResults

from twistedsite.origins.version import is_settled
from twistedsite.scripts.code.cache import CodeCache
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.testing import ServedSite, serving


async def text_of(site: ServedSite, path: str = "/x.py") -> str:
    answer = await site.get(path)
    assert answer.status == 200, answer.text
    return answer.text.strip()


@pytest.mark.isolation("threads", "workers")
@pytest.mark.parametrize("shadowing", [False, True])
@pytest_twisted.ensureDeferred
async def test_a_page_with_the_name_of_a_module_of_python_hides_it_only_where_settings_say_so(
    tmp_path: Path, shadowing: bool
) -> None:
    write(tmp_path, "string.py", "digits = 'mine'")
    write(tmp_path, "x.py", "import string\nfrom string import digits\nprint(string.digits == digits, digits)")
    write(tmp_path, "_folder.toml", f"shadow_stdlib = {str(shadowing).lower()}")
    async with serving(tmp_path) as site:
        assert await text_of(site) == ("True mine" if shadowing else "True 0123456789")
    import string

    assert string.digits == "0123456789"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_neighbour_is_found_before_what_is_installed(tmp_path: Path) -> None:
    write(tmp_path, "jinja2.py", "name = 'mine'")
    write(tmp_path, "x.py", "import jinja2\nprint(jinja2.name)")
    async with serving(tmp_path) as site:
        assert await text_of(site) == "mine"


@pytest_twisted.ensureDeferred
async def test_folders_have_neighbours_of_one_name_each_its_own(tmp_path: Path) -> None:
    for folder in ("a", "b", "a/c"):
        write(tmp_path, f"{folder}/helper.py", f"name = {folder!r}\ncalls = []")
        write(
            tmp_path, f"{folder}/x.py", "import helper\nhelper.calls.append(1)\nprint(helper.name, len(helper.calls))"
        )
    async with serving(tmp_path) as site:
        for count in ("1", "2"):
            for folder in ("a", "b", "a/c"):
                assert await text_of(site, f"/{folder}/x.py") == f"{folder} {count}"


@pytest_twisted.ensureDeferred
async def test_scripts_of_one_folder_share_a_neighbour_loaded_once(tmp_path: Path) -> None:
    write(tmp_path, "helper.py", "loads = []\nloads.append(1)\nseen = []")
    for name in ("x.py", "y.py"):
        write(tmp_path, name, "import helper\nhelper.seen.append(1)\nprint(len(helper.loads), len(helper.seen))")
    async with serving(tmp_path) as site:
        assert [await text_of(site, path) for path in ("/x.py", "/y.py", "/x.py")] == ["1 1", "1 2", "1 3"]


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_packages_and_relative_imports_work(tmp_path: Path) -> None:
    write(
        tmp_path,
        "pack/__init__.py",
        "from . import inner\nfrom .inner import value\nname = __name__.rpartition('.')[2]",
    )
    write(tmp_path, "pack/inner.py", "from .deep.leaf import leaf\nvalue = leaf + 1")
    write(tmp_path, "pack/deep/__init__.py")
    write(tmp_path, "pack/deep/leaf.py", "from ..numbers import one\nimport helper\nleaf = one + helper.ten")
    write(tmp_path, "pack/numbers.py", "one = 1")
    write(tmp_path, "helper.py", "ten = 10")
    write(
        tmp_path,
        "x.py",
        "import pack, pack.deep.leaf as leaf, pack.deep\nfrom pack import inner\nfrom pack.deep import leaf as again\n"
        "from pack.numbers import *\nprint(pack.value, inner.value, leaf.leaf, again is leaf, one, pack.name)",
    )
    async with serving(tmp_path) as site:
        assert await text_of(site) == "12 12 11 True 1 pack"


@pytest_twisted.ensureDeferred
async def test_circular_imports_work_as_ever(tmp_path: Path) -> None:
    write(tmp_path, "one.py", "import two\ndef name(): return 'one'\ndef other(): return two.name()")
    write(tmp_path, "two.py", "import one\ndef name(): return 'two'\ndef other(): return one.name()")
    write(tmp_path, "x.py", "import one, two\nprint(one.other(), two.other())")
    async with serving(tmp_path) as site:
        assert await text_of(site) == "two one"


@pytest_twisted.ensureDeferred
async def test_dataclasses_with_postponed_annotations_work_in_a_neighbour(tmp_path: Path) -> None:
    write(
        tmp_path,
        "shapes.py",
        "from __future__ import annotations\nfrom dataclasses import dataclass, fields\nfrom typing import ClassVar\n"
        "import pickle, typing\n@dataclass\nclass Point:\n"
        "    x: int\n    near: list[Point]\n    count: ClassVar[int] = 0\n"
        "def names(): return [f.name for f in fields(Point)]\n"
        "def hints(): return sorted(typing.get_type_hints(Point))\n"
        "def copied(): return pickle.loads(pickle.dumps(Point(1, [])))",
    )
    write(tmp_path, "x.py", "import shapes\nprint(shapes.names(), shapes.hints(), shapes.copied().x)")
    async with serving(tmp_path) as site:
        assert await text_of(site) == "['x', 'near'] ['count', 'near', 'x'] 1"


@pytest.mark.parametrize("name", ["x.py", "helper.py", "pack/inner.py"])
@pytest_twisted.ensureDeferred
async def test_an_edit_of_the_same_size_and_time_is_live_at_once(tmp_path: Path, name: str) -> None:
    write(tmp_path, "pack/__init__.py", "from pack import inner")
    write(tmp_path, "pack/inner.py", "inner = 0")
    write(tmp_path, "helper.py", "helper = 0\nimport pack")
    write(tmp_path, "x.py", "x = 0\nimport helper\nprint(x, helper.helper, helper.pack.inner.inner)")
    before = ["0", "0", "0"]
    async with serving(tmp_path) as site:
        assert await text_of(site) == "0 0 0"
        for number in range(1, 9):
            path = tmp_path / name
            status = path.stat()
            path.write_text(path.read_text().replace(f"= {number - 1}", f"= {number}"))
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
            assert path.stat().st_size == status.st_size
            before[["x.py", "helper.py", "pack/inner.py"].index(name)] = str(number)
            assert await text_of(site) == " ".join(before)


@pytest_twisted.ensureDeferred
async def test_a_neighbour_that_is_touched_and_not_changed_stays_loaded(tmp_path: Path) -> None:
    helper = write(tmp_path, "helper.py", "calls = []")
    write(tmp_path, "x.py", "import helper\nhelper.calls.append(1)\nprint(len(helper.calls))")
    async with serving(tmp_path) as site:
        assert await text_of(site) == "1"
        os.utime(helper, (1, 1))
        assert await text_of(site) == "2"


@pytest_twisted.ensureDeferred
async def test_a_neighbour_that_fails_works_when_it_is_mended(tmp_path: Path) -> None:
    write(tmp_path, "x.py", "import helper\nprint(helper.value)")
    async with serving(tmp_path) as site:
        for broken in ("1 / 0", "value = (", "import nowhere_at_all", "raise SystemExit"):
            write(tmp_path, "helper.py", broken)
            assert (await site.get("/x.py")).status == (500 if broken != "raise SystemExit" else 200)
            write(tmp_path, "helper.py", "value = 'mended'")
            assert await text_of(site) == "mended"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_neighbour_that_hangs_while_it_is_imported_works_when_it_is_mended(tmp_path: Path) -> None:
    write(tmp_path, "x.py", "import helper\nprint(helper.value)")
    async with serving(tmp_path) as site:
        for hanging in (
            "while True: int()",
            "while True:\n    try:\n        while True: int()\n    except BaseException: pass",
        ):
            write(tmp_path, "helper.py", hanging)
            write(tmp_path, "_folder.toml", "timeout = '300ms'")
            assert (await site.get("/x.py")).status == 504
            write(tmp_path, "helper.py", "value = 'mended'")
            # It waits until the one that hangs has been stopped, which takes a while on a busy machine.
            write(tmp_path, "_folder.toml", "timeout = '20s'")
            assert await text_of(site) == "mended"


@pytest_twisted.ensureDeferred
async def test_a_neighbour_that_is_deleted_is_gone_and_a_new_one_is_found(tmp_path: Path) -> None:
    helper = write(tmp_path, "helper.py", "")
    write(
        tmp_path,
        "x.py",
        "try:\n    import helper\n    print('there')\nexcept ModuleNotFoundError as e: print(e, e.name)",
    )
    async with serving(tmp_path) as site:
        assert await text_of(site) == "there"
        helper.unlink()
        assert await text_of(site) == "No module named 'helper' helper"
        write(tmp_path, "helper/__init__.py", "")
        assert await text_of(site) == "there"


@pytest.mark.parametrize("place", ["textwrap.py", "textwrap/__init__.py"])
@pytest_twisted.ensureDeferred
async def test_a_module_of_the_library_gives_way_to_a_neighbour_that_comes(tmp_path: Path, place: str) -> None:
    write(tmp_path, "_folder.toml", "shadow_stdlib = true")
    write(tmp_path, "x.py", "import textwrap\nprint(textwrap.__file__)")
    (tmp_path / place).parent.mkdir(exist_ok=True)
    async with serving(tmp_path) as site:
        # Often enough, and long enough, that what was found is remembered.
        while not site_folder_is_settled(tmp_path):
            await text_of(site)
        assert "lib/python" in await text_of(site)
        own = write(tmp_path, place, "")
        assert await text_of(site) == str(own)
        own.unlink()
        assert "lib/python" in await text_of(site)


def site_folder_is_settled(folder: Path) -> bool:
    now = time.time_ns()
    return is_settled(folder.stat(), now)


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_no_cache_folder_appears_in_the_site(tmp_path: Path) -> None:
    write(tmp_path, "pack/__init__.py", "")
    write(tmp_path, "pack/inner.py", "")
    write(tmp_path, "helper.py", "import pack.inner")
    write(tmp_path, "x.py", "import helper")
    before = sorted(path for path, _, _ in os.walk(tmp_path))
    async with serving(tmp_path) as site:
        await text_of(site)
    assert sorted(path for path, _, _ in os.walk(tmp_path)) == before


@pytest_twisted.ensureDeferred
async def test_a_neighbour_first_asked_for_by_many_at_once_is_loaded_once(tmp_path: Path) -> None:
    write(tmp_path, "counted.py", "import threading\nloads = 0")
    write(tmp_path, "slow.py", "import counted, threading\ncounted.loads += 1\nthreading.Event().wait(0.05)\nvalue = 1")
    write(tmp_path, "x.py", "import counted, slow\nprint(slow.value, counted.loads)")
    async with serving(tmp_path, threads=8) as site:
        pages = await gatherResults([ensureDeferred(text_of(site)) for _ in range(16)], consumeErrors=True)
    assert pages == ["1 1"] * 16


@pytest_twisted.ensureDeferred
async def test_an_edit_while_a_neighbour_is_being_loaded_fails_nobody(tmp_path: Path) -> None:
    write(tmp_path, "gate.py", "import threading\nloading, go = threading.Event(), threading.Event()")
    write(tmp_path, "slow.py", "import gate\ngate.loading.set()\nassert gate.go.wait(20)\nvalue = 1")
    write(tmp_path, "x.py", "import slow\nprint(slow.value)")
    write(tmp_path, "wait.py", "import gate\nassert gate.loading.wait(20)")
    write(tmp_path, "go.py", "import gate\ngate.go.set()")
    async with serving(tmp_path) as site:
        first = ensureDeferred(text_of(site))
        await text_of(site, "/wait.py")
        write(tmp_path, "slow.py", "value = 2")
        # Then it has the same version at each look.
        settle(tmp_path / "slow.py")
        await text_of(site, "/go.py")
        assert await first == "1"
        assert await text_of(site) == "2"


@pytest_twisted.ensureDeferred
async def test_an_edit_of_what_a_module_has_imported_while_it_still_loads_fails_nobody(tmp_path: Path) -> None:
    write(tmp_path, "gate.py", "import threading\nloading, go = threading.Event(), threading.Event()")
    write(tmp_path, "helper.py", "value = 1")
    write(tmp_path, "slow.py", "import gate, helper\ngate.loading.set()\nassert gate.go.wait(20)\nvalue = helper.value")
    write(tmp_path, "x.py", "import slow\nprint(slow.value)")
    write(tmp_path, "wait.py", "import gate\nassert gate.loading.wait(20)")
    write(tmp_path, "go.py", "import gate\ngate.go.set()")
    async with serving(tmp_path) as site:
        first = ensureDeferred(text_of(site))
        await text_of(site, "/wait.py")
        write(tmp_path, "helper.py", "value = 2")
        settle(tmp_path / "helper.py")
        await text_of(site, "/go.py")
        assert await first == "1"
        assert await text_of(site) == "2"


def test_at_most_so_many_folders_are_kept_and_none_after_the_end(tmp_path: Path) -> None:
    before = set(sys.modules)
    finders = list(sys.meta_path)
    interpreters = Interpreters(CodeCache(), limit=3)
    for number in range(10):
        folder = tmp_path / str(number)
        write(folder, "helper.py", f"n = {number}")
        interpreter = interpreters.get(str(folder))
        found: dict[str, object] = {"__builtins__": interpreter.builtins}
        exec("import helper\nn = helper.n", found)
        assert found["n"] == number
    assert len({name.partition(".")[0] for name in set(sys.modules) - before}) == 3
    interpreters.close()
    assert set(sys.modules) - before == set()
    assert sys.meta_path == finders


def test_the_code_cache_is_bounded_and_compiles_each_version_once(tmp_path: Path) -> None:
    cache = CodeCache(limit=2)
    paths = [str(write(tmp_path, f"{name}.py", f"{name} = 1")) for name in "abc"]
    for path in paths:
        os.utime(path)
    settle(tmp_path)
    first = cache.get(paths[0], "1")
    assert cache.get(paths[0], "1") is first
    assert cache.get(paths[0], "2") is not first
    for path in paths[1:]:
        cache.get(path, "1")
    assert cache.get(paths[0], "2").names == {"a"}


def settle(folder: Path) -> None:
    """Wait until files of this moment are surely older than the tick in which two writes look like one."""
    threading.Event().wait(0.03)
