"""`dbpy.dropbox_import`: files of the site as modules of one request."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted
from dbpy_pages import serving_script, shown
from site_files import logged, write

from twistedsite.testing import serving


@pytest_twisted.ensureDeferred
async def test_imported_files_are_there_by_their_stem(tmp_path: Path) -> None:
    write(tmp_path, "blog/a.dbpy", "def f():\n    return 'a.f'")
    write(tmp_path, "lib/b.dbpy", "N = 9")
    script = "dbpy.dropbox_import('a.dbpy', '/lib/b.dbpy')\nprint(a.f(), b.N)"
    assert await shown(serving, tmp_path, script) == "a.f 9"


@pytest_twisted.ensureDeferred
async def test_imported_files_see_the_same_dbpy_and_import_further_ones(tmp_path: Path) -> None:
    write(
        tmp_path, "blog/a.dbpy", "dbpy.dropbox_import('b.dbpy')\n\n\ndef f():\n    return b.g(), dbpy.http.get_params"
    )
    write(tmp_path, "blog/b.dbpy", "import dbpy as d\n\n\ndef g():\n    return d.http.get_params, dbpy.session")
    script = "dbpy.session['n'] = 1\ndbpy.dropbox_import('a.dbpy')\nprint(a.f(), 'b' in globals(), a.dbpy is dbpy)"
    assert await shown(serving, tmp_path, script, "/blog/x?q=1") == (
        "(({'q': ['1']}, {'n': 1}), {'q': ['1']}) False True"
    )


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_file_is_loaded_once_a_request_and_anew_for_the_next(tmp_path: Path) -> None:
    write(tmp_path, "blog/a.dbpy", "print('loaded')\ncount = []")
    write(tmp_path, "blog/b.dbpy", "dbpy.dropbox_import('a.dbpy')\na.count.append(1)")
    script = (
        "dbpy.dropbox_import('a.dbpy', 'b.dbpy')\ndbpy.dropbox_import('./a.dbpy')\n"
        "a.count.append(2)\nprint(a.count, a is b.a)"
    )
    async with serving_script(serving, tmp_path, script) as site:
        for _ in range(2):
            assert (await site.get("/blog/x")).text == "loaded\n[1, 2] True\n"
        write(tmp_path, "blog/a.dbpy", "print('edited')\ncount = []")
        assert (await site.get("/blog/x")).text == "edited\n[1, 2] True\n"


@pytest_twisted.ensureDeferred
async def test_classes_of_an_imported_file_are_found_by_their_module(tmp_path: Path) -> None:
    write(
        tmp_path,
        "blog/a.dbpy",
        "from __future__ import annotations\nimport pickle\nfrom dataclasses import dataclass\n"
        "from typing import ClassVar, get_type_hints\n\n\n"
        "@dataclass\nclass Post:\n    title: str\n    kinds: ClassVar[list[Post]] = []\n\n\n"
        "def hints():\n    return sorted(get_type_hints(Post))",
    )
    script = (
        "import pickle\ndbpy.dropbox_import('a.dbpy')\n"
        "if 'keep' in dbpy.http.get_params:\n"
        "    dbpy.io.file.write('_post', pickle.dumps(a.Post('Tea')))\n"
        "post = pickle.loads(dbpy.io.file.open('_post').buffer.read())\n"
        "print(post == a.Post('Tea'), post.title, a.hints())"
    )
    async with serving_script(serving, tmp_path, script) as site:
        for query in ("?keep", ""):
            assert (await site.get(f"/blog/x{query}")).text == "True Tea ['kinds', 'title']\n"


@pytest_twisted.ensureDeferred
async def test_files_may_import_each_other(tmp_path: Path) -> None:
    write(tmp_path, "blog/a.dbpy", "dbpy.dropbox_import('b.dbpy')\nA = 1")
    write(tmp_path, "blog/b.dbpy", "dbpy.dropbox_import('a.dbpy')\n\n\ndef f():\n    return a.A")
    assert await shown(serving, tmp_path, "dbpy.dropbox_import('a.dbpy')\nprint(a.b.f())") == "1"


@pytest_twisted.ensureDeferred
async def test_the_importing_function_gets_the_module_in_its_own_files_globals(tmp_path: Path) -> None:
    write(tmp_path, "blog/a.dbpy", "A = 1")
    write(
        tmp_path,
        "blog/helper.py",
        "from dbpy import dropbox_import\n\n\ndef get():\n    dropbox_import('a.dbpy')\n    return a.A",
    )
    assert await shown(serving, tmp_path, "import helper\nprint(helper.get(), 'a' in globals())") == "1 False"


NOT_IMPORTED = {
    "none.dbpy": "no file /blog/none.dbpy",
    "../../secret.dbpy": "out of the site",
    "/link.dbpy": "out of the site",
    "/": "no name in Python",
    "1st.dbpy": "no name in Python",
    "../blog": "no file /blog",
}


@pytest_twisted.ensureDeferred
async def test_what_cannot_be_imported_is_an_error_that_says_why(tmp_path: Path) -> None:
    write(tmp_path, "secret.dbpy", "print('s3cret')")
    write(tmp_path, "site/blog/y", "")
    (tmp_path / "site/link.dbpy").symlink_to(tmp_path / "secret.dbpy")
    script = (
        f"for path in {list(NOT_IMPORTED)}:\n"
        "    try:\n        dbpy.dropbox_import(path)\n    except (IOError, ImportError) as error:\n        print(error)"
    )
    text = await shown(serving, tmp_path / "site", script)
    assert "s3cret" not in text
    for line, message in zip(text.split("\n"), NOT_IMPORTED.values(), strict=True):
        assert message in line


@pytest_twisted.ensureDeferred
async def test_a_fault_in_an_imported_file_is_told_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "blog/a.dbpy", "\n\n1 / 0")
    async with serving_script(serving, tmp_path, "dbpy.dropbox_import('a.dbpy')") as site:
        with logged() as log:
            assert (await site.get("/blog/x")).status == 500
    assert 'File "blog/a.dbpy", line 3' in log()
