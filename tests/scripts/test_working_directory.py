"""A script runs in its own folder, and what it does to the working directory is its own business."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import pytest_twisted
from site_files import logged, write

from twistedsite.scripts.runners import working_directory
from twistedsite.testing import serving

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
BOTH = pytest.mark.isolation("threads", "workers", sandbox="off")


@BOTH
@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("x.py", "print(open('data.txt').read())"),
        ("x.py", "import sqlite3\nsqlite3.connect('x.db').execute('create table t (x)')\nprint('Bea')"),
        ("x.py", "from pathlib import Path\nprint('Bea' if Path('data.txt').exists() else '')"),
        ("x.dbpy", "print(open('data.txt').read())"),
        ("x.py", "def get(request):\n    return open('data.txt').read() + '\\n'"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_relative_paths_begin_in_the_folder_of_the_script(tmp_path: Path, name: str, script: str) -> None:
    write(tmp_path, "sub/data.txt", "Bea")
    write(tmp_path, f"sub/{name}", script)
    async with serving(tmp_path) as site:
        assert (await site.get(f"/sub/{name}")).text == "Bea\n"


@BOTH
@pytest_twisted.ensureDeferred
async def test_what_a_script_does_to_directory_and_umask_does_not_reach_the_next(tmp_path: Path) -> None:
    write(tmp_path, "a/change.py", "import os\nos.chdir('/')\nos.umask(0o077)")
    write(tmp_path, "a/see.py", "import os\nprint(os.path.basename(os.getcwd()))\nold = os.umask(0)\nprint(old)")
    before = os.getcwd()
    async with serving(tmp_path, threads=1, workers={"max_workers": 1}) as site:
        fresh = (await site.get("/a/see.py")).text
        assert fresh.startswith("a\n")
        await site.get("/a/change.py")
        assert (await site.get("/a/see.py")).text == fresh
        assert os.getcwd() == before


@BOTH
@pytest_twisted.ensureDeferred
async def test_two_scripts_at_once_have_two_directories(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path, f"{name}/name.txt", name)
    os.mkfifo(tmp_path / "a" / "go")
    write(tmp_path, "a/x.py", "print('waits', flush=True)\nopen('go').read()\nprint(open('name.txt').read())")
    write(tmp_path, "b/x.py", "print(open('name.txt').read())")
    async with serving(tmp_path) as site:
        connection = await site.connect()
        connection.send(b"GET /a/x.py HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        await connection.until(b"waits\n")
        assert (await site.get("/b/x.py")).text == "b\n"
        (tmp_path / "a" / "go").write_text("")
        assert b"a\n" in await connection.everything()


@pytest_twisted.ensureDeferred
async def test_where_the_system_forbids_it_the_log_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working_directory, "_unshare", lambda flags: -1)
    write(tmp_path, "a/x.py", "import os\nprint(os.getcwd())")
    async with serving(tmp_path) as site:
        with logged() as log:
            for _ in range(2):
                assert (await site.get("/a/x.py")).text == os.getcwd() + "\n"
    assert log().count("forbids a working directory for each thread") == 1
