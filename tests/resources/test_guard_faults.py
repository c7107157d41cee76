"""A door with a fault is shut: nobody is let in, visitors are told nothing, and the log says where the fault is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import pytest_twisted
from passwords import basic, users_file
from site_files import logged, write

from twistedsite.testing import serving

ANN = basic("ann", "sesame")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A site whose folder `in` asks for a password."""
    for name, content in {
        "in/_folder.toml": "[auth]\nfile = '_users'\n",
        "in/_users": users_file(ann="sesame"),
        "in/a.txt": "secret text",
        "in/run.py": "print('secret')",
        "in/list/b.txt": "secret b",
    }.items():
        write(tmp_path, name, content)
    return tmp_path


FAULTY = {
    "[auth]\nfile = '_users'\nmodule = 'guard'": "auth: expected one of file, module and off",
    "[auth]\nrealm = 'x'": "auth: expected one of",
    "[auth]\nfile = 'users'": "auth: file: expected a name that begins with _",
    "[auth]\nfile = '../_users'": "auth: file: expected the path of a file in this folder",
    "[auth]\nfile = '/_users'": "auth: file: expected the path of a file in this folder",
    "[auth]\nmodule = '../guard'": "auth: module: expected the name of a Python file",
    "[auth]\nmodule = 'guard'\nrealm = \"a\\nb\"": "auth: realm: expected one line",
    "[auth]\nmodule = 'guard'\nmethods = ['get']": "auth: methods: expected names such as POST",
    "[auth]\nmodule = 'guard'\nuser = 'x'": "auth.user: unknown key",
    "auth = true": "auth: expected a table",
    "[auth": "is not valid TOML",
}


@pytest.mark.parametrize("text", FAULTY)
@pytest_twisted.ensureDeferred
async def test_settings_with_a_fault_let_nobody_in(root: Path, text: str) -> None:
    write(root, "in/_folder.toml", text)
    with logged() as log:
        async with serving(root) as site:
            for path in ("/in/a.txt", "/in/list/b.txt", "/in/run.py"):
                answer = await site.get(path, headers=ANN)
                assert answer.status == 500
                assert b"secret" not in answer.body
    assert f"in/_folder.toml: {FAULTY[text]}" in log()


UNUSABLE = {
    "ann": "line 1: expected NAME:HASH",
    "\n# all\nann:sesame\n": "line 3: expected a hash",
    "ann:$2y$05$abcdefghijklmnopqrstuu": "line 1: expected a hash",
    "ann:$scrypt$ln=30,r=8,p=1$YWJjZGVmZ2hpag$YWJjZGVmZ2hpamFiY2RlZg\n": "line 1: its costs are out of range",
    users_file(ann="a") + users_file(ann="b"): "line 2: a second line for the same user",
    "ann:\udcff": "line 1: is not UTF-8",
}


@pytest.mark.parametrize("text", UNUSABLE, ids=range(len(UNUSABLE)))
@pytest_twisted.ensureDeferred
async def test_a_file_of_users_with_a_fault_lets_nobody_in(root: Path, text: str) -> None:
    write(root, "in/_users", text.encode("utf-8", "surrogateescape"))
    with logged() as log:
        async with serving(root) as site:
            assert (await site.get("/in/a.txt", headers=ANN)).status == 500
    assert f"in/_users: {UNUSABLE[text]}" in log()


@pytest_twisted.ensureDeferred
async def test_a_file_of_users_that_is_none_lets_nobody_in(root: Path) -> None:
    users = root / "in/_users"
    async with serving(root) as site:
        users.unlink()
        assert (await site.get("/in/a.txt", headers=ANN)).status == 500
        users.mkdir()
        assert (await site.get("/in/a.txt", headers=ANN)).status == 500
        users.rmdir()
        os.mkfifo(users)
        assert (await site.get("/in/a.txt", headers=ANN)).status == 500
        users.unlink()
        write(root, "in/_users", "#" * 300_000)
        assert (await site.get("/in/a.txt", headers=ANN)).status == 500
        write(root, "in/_users", "")
        assert (await site.get("/in/a.txt", headers=ANN)).status == 401
