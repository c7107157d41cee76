"""What a script finds in `sys` is its own: streams as in a program, arguments, search path."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import pytest_twisted
from site_files import logged, write

from twistedsite.testing import serving

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
BOTH = pytest.mark.isolation("threads", "workers", sandbox="off")


@BOTH
@pytest.mark.parametrize(
    ("script", "page"),
    [
        ("import io\nsys.stdout = io.TextIOWrapper(sys.stdout.buffer, 'utf-8')\nprint('é')", "é\n"),
        ("import codecs\nsys.stdout = codecs.getwriter('utf-8')(sys.stdout.buffer)\nprint('é')", "é\n"),
        ("print(isinstance(sys.stdout, io.TextIOBase), isinstance(sys.stderr, io.TextIOBase))", "True True\n"),
        ("with sys.stdout as out:\n    out.write('a')\nprint('b')", "ab\n"),
        ("print(sys.stdout.encoding, sys.stdout.isatty(), sys.stdout.writable(), sys.stdout.closed)", None),
        (
            "from contextlib import *\nwith redirect_stdout(io.StringIO()) as text: print('a')\nprint(text.tell())",
            "2\n",
        ),
        ("sys.stderr.buffer.write(b'logged')", ""),
        ("print(sys.argv == [__file__], sys.argv is sys.argv)", "True True\n"),
        ("sys.argv.append('x')\nprint(len(sys.argv))", "2\n"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_standard_streams_are_those_of_a_program(tmp_path: Path, script: str, page: str | None) -> None:
    write(tmp_path, "x.py", f"import io, sys\n{script}")
    async with serving(tmp_path) as site:
        for _ in range(2):
            assert (await site.get("/x.py")).text == ("utf-8 False True False\n" if page is None else page)


@BOTH
@pytest.mark.parametrize(
    ("script", "page"),
    [
        ("print(sys.stdin.read())", "name=Bea\nsize=2\n"),
        ("print(input())\nprint(input())", "name=Bea\nsize=2\n"),
        ("print(sys.stdin.buffer.read(4))", "b'name'\n"),
        ("print([line for line in sys.stdin])", "['name=Bea\\n', 'size=2']\n"),
        ("sys.stdin = io.StringIO('mine')\nprint(input())", "mine\n"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_standard_input_is_the_body(tmp_path: Path, script: str, page: str) -> None:
    write(tmp_path, "x.py", f"import io, sys\n{script}")
    async with serving(tmp_path) as site:
        answer = await site.get(
            "/x.py", method="POST", body=b"name=Bea\nsize=2", headers={"Content-Type": "text/plain"}
        )
    assert answer.text == page


@BOTH
@pytest_twisted.ensureDeferred
async def test_without_a_body_standard_input_is_at_its_end(tmp_path: Path) -> None:
    write(tmp_path, "x.py", "import sys\nprint(repr(sys.stdin.read()))\ninput()")
    async with serving(tmp_path, debug=True) as site:
        assert "EOFError" in (await site.get("/x.py")).text


@BOTH
@pytest_twisted.ensureDeferred
async def test_the_form_is_there_beside_standard_input(tmp_path: Path) -> None:
    write(tmp_path, "x.py", "import sys\nprint(sys.stdin.read(6), form['name'], sys.stdin.read())")
    async with serving(tmp_path) as site:
        assert (await site.get("/x.py", method="POST", body={"name": "Bea"})).text == "name=B Bea ea\n"


@BOTH
@pytest_twisted.ensureDeferred
async def test_what_a_script_sets_ends_with_it(tmp_path: Path) -> None:
    write(tmp_path, "x.py", "import io, sys\nsys.stdout = sys.stderr = io.StringIO()\nprint('lost')")
    write(tmp_path, "y.py", "import sys\nprint('page')\nsys.stderr.write('to the log\\n')")
    async with serving(tmp_path, threads=1, workers={"max_workers": 1}) as site:
        with logged() as log:
            assert (await site.get("/x.py")).text == ""
            assert (await site.get("/y.py")).text == "page\n"
    assert "y.py: to the log" in log()


@BOTH
@pytest_twisted.ensureDeferred
async def test_a_script_adds_to_its_own_search_path_only(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write(tmp_path, f"{folder}/lib/util.py", f"NAME = {folder!r}")
        write(
            tmp_path,
            f"{folder}/x.py",
            "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))\n"
            "import util\nprint(util.NAME, len(sys.path))",
        )
    write(tmp_path, "c/x.py", "import util")
    before = list(sys.path)
    async with serving(tmp_path, threads=1, workers={"max_workers": 1}) as site:
        first = (await site.get("/a/x.py")).text
        assert first.startswith("a ")
        assert (await site.get("/b/x.py")).text == first.replace("a ", "b ")
        assert (await site.get("/a/x.py")).text == first
        assert (await site.get("/c/x.py")).status == 500
    assert sys.path == before


@BOTH
@pytest_twisted.ensureDeferred
async def test_modules_that_scripts_import_are_plain_ones(tmp_path: Path) -> None:
    write(tmp_path, "neighbour.py", "path = argv = 'mine'")
    write(tmp_path, "x.py", "import types, neighbour\nprint(type(neighbour) is types.ModuleType, neighbour.path)")
    async with serving(tmp_path) as site:
        assert (await site.get("/x.py")).text == "True mine\n"


def test_nothing_is_left_in_the_process_after_the_last_site() -> None:
    assert type(sys).__name__ == "module"
