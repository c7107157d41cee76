"""A site with `isolation = "workers"` to its authors: what their scripts can do, and what the kernel refuses."""

from __future__ import annotations

import json
import os
import textwrap
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from server_process import ANY_PORT, SERVE, running

from twistedsite.scripts.runners.workers.server import check
from twistedsite.scripts.runners.workers.server.folders import remove_tree
from twistedsite.scripts.sandbox.policy import Layer, SandboxReport
from twistedsite.settings.load import SettingsError
from twistedsite.testing.site import serving

pytestmark = pytest.mark.process

HOLDS_NOTHING = SandboxReport((Layer("files", False, "no lock"),))

REFUSED = {
    "read a file outside": "open('/etc/passwd')",
    "list a folder outside": "os.listdir('/')",
    "write into its site": "open('new.txt', 'w')",
    "edit itself": "open(__file__, 'a')",
    "remove a neighbour": "os.unlink('neighbour.py')",
    "write beside its temporary folder": "open(tempfile.gettempdir() + '/../other', 'w')",
    "connect": "socket.create_connection(('127.0.0.1', PORT))",
    "listen": "socket.create_server(('127.0.0.1', 0))",
    "start a program": "subprocess.run(['/bin/true'])",
    "replace itself": "os.execv('/bin/true', ['true'])",
    "fork": "os.fork()",
    "signal the zygote": "os.kill(os.getppid(), 9)",
}

ALLOWED = {
    "sqlite": """
        with sqlite3.connect(tempfile.gettempdir() + '/notes.db') as database:
            database.execute('create table notes (text)')
            database.execute('insert into notes values (?)', ('done',))
            print(*database.execute('select text from notes').fetchone())
        """,
    "temporary file": """
        with tempfile.NamedTemporaryFile() as file:
            assert file.name.startswith(os.environ['TMPDIR'])
        print('done')
        """,
    "threads": """
        found = []
        threads = [threading.Thread(target=found.append, args=(number,)) for number in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print('done' if sorted(found) == [0, 1, 2, 3] else found)
        """,
    "reading its site": "print('done' if 'neighbour' in open('neighbour.py').read() else '')",
    "a module of its site": "import neighbour\nprint(neighbour.word)",
    "a session": "Session().visits = 1\nprint('done')",
}

IMPORTS = "import os, socket, sqlite3, subprocess, tempfile, threading\n"


def exists(*path: str) -> bool:
    return os.path.exists(os.path.normpath(os.path.join(*path)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A site with a neighbour."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "neighbour.py").write_text("word = 'done'  # the neighbour's")
    return folder


@pytest_twisted.ensureDeferred
async def test_a_script_cannot_reach_out_of_its_site(root: Path) -> None:
    async with serving(root, isolation="workers", drain="0s") as site:
        outcomes = {}
        for number, (name, act) in enumerate(REFUSED.items()):
            act = act.replace("PORT", site.url.rpartition(":")[2].strip("/"))
            attempt = (
                f"{IMPORTS}try:\n    {act}\nexcept PermissionError:\n    print('refused')\nelse:\n    print('done')"
            )
            (root / f"try{number}.py").write_text(attempt)
            outcomes[name] = (await site.get(f"/try{number}")).text
    assert outcomes == dict.fromkeys(REFUSED, "refused\n")


@pytest_twisted.ensureDeferred
async def test_a_script_can_do_what_pages_need(root: Path) -> None:
    async with serving(root, isolation="workers", drain="0s") as site:
        outcomes = {}
        for number, (name, act) in enumerate(ALLOWED.items()):
            (root / f"try{number}.py").write_text(IMPORTS + textwrap.dedent(act))
            outcomes[name] = (await site.get(f"/try{number}")).text
    assert outcomes == dict.fromkeys(ALLOWED, "done\n")


@pytest_twisted.ensureDeferred
async def test_a_temporary_folder_goes_with_its_worker(root: Path) -> None:
    (root / "make.py").write_text(
        "import os, tempfile\nos.makedirs(tempfile.gettempdir() + '/deep/deeper')\nprint(tempfile.gettempdir())"
    )
    async with serving(root, isolation="workers", drain="0s", workers={"reuse": "per-request"}) as site:
        first = (await site.get("/make")).text.strip()
        second = (await site.get("/make")).text.strip()
        assert first != second
        for _ in range(200):
            if not exists(first):
                break
            await site.get("/make")
        assert not exists(first)
    assert not exists(first, "..")


def test_a_tree_of_any_depth_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (folder / "link").symlink_to(tmp_path / "kept")
    current = folder
    for _ in range(5):
        current = current / ("d" * 200)
        current.mkdir()
    (current / "file").touch()
    current.chmod(0)
    remove_tree(str(folder))
    assert [path.name for path in tmp_path.rglob("*")] == ["kept", "file"]


@pytest_twisted.ensureDeferred
async def test_health_says_what_holds(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "see_what_holds", lambda *_: HOLDS_NOTHING)
    async with serving(root, isolation="workers", drain="0s") as site:
        health = json.loads((await site.get("/.well-known/scriptsite-health")).text)
    assert health["sandbox"] == "sandbox does not hold: nothing. Missing: files: no lock."


def test_required_refuses_what_does_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "see_what_holds", lambda *_: HOLDS_NOTHING)
    with pytest.raises(SettingsError, match=r"required, but the sandbox does not hold: nothing\. Missing: files: no"):
        check.check_sandbox("required")


def test_a_server_that_requires_the_sandbox_starts_and_says_what_holds(root: Path) -> None:
    options: tuple[Any, ...] = ("--root", str(root), "--isolation", "workers", "--sandbox", "required")
    (root / "page.py").write_text("print('hello')")
    with running(*SERVE, *options, *ANY_PORT) as server:
        assert server.get("page")[1] == "hello\n"
        assert "sandbox holds: limits" in str(json.loads(server.get(".well-known/scriptsite-health")[1])["sandbox"])
