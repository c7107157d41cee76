"""`scriptsite check`: every fault with its file, line and key, and nothing is run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from server_process import BIN, run

from twistedsite.tap.check import check, line_of_key

PORTAL = Path(__file__).parents[2] / "examples" / "portal"

FAULTY = [
    ("a.py", "x = 1\nprint('a'\n", 2, "'(' was never closed"),
    ("b.dbpy", "if True\n", 1, "expected ':'"),
    ("edit", "#DBPYEXECUTE\nx = = 1\n", 2, "invalid syntax"),
    ("nul.py", "x = 1\0", 1, "source code string cannot contain null bytes"),
    ("a.jinja", "<p>\n{% if %}\n</p>", 2, "Expected an expression, got 'end of statement block'"),
    ("b.j2", "{{ name", 1, "unexpected end of template, expected 'end of print statement'."),
    ("a.tpl", "Dear $name,\nthat is 5 $.\n", 2, "$ without a name; write $$ for a dollar sign"),
    ("_folder.toml", "listing = true\n\n[options]\na = 1\n[headers]\n'a b' = 'x'\n", 5, "headers: 'a b' is no header"),
    ("deep/_folder.toml", "debug = true\ntimeout = 'soon'", 2, "timeout: expected a duration such as 25s"),
    ("deeper/_folder.toml", "debug = \n", 1, "is not valid TOML: Invalid value"),
    ("_lib/part.py", "def f(:\n  pass", 1, "invalid syntax"),
]


@pytest.mark.parametrize(("name", "text", "line", "problem"), FAULTY, ids=[row[0] for row in FAULTY])
def test_a_fault_is_found_with_its_line(name: str, text: str, line: int, problem: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    (fault,) = check(str(tmp_path)).faults
    assert str(fault).startswith(f"{file}:{line}: {problem}")


GUARD = "def authenticate(user, password, request):\n    return False\n"
DOORS: dict[str, tuple[str, dict[str, str], str]] = {
    "no file": (
        "debug = true\n[auth]\nfile = '_users'",
        {},
        "_folder.toml:2: auth.file: _users: there is no such file",
    ),
    "a line": ("[auth]\nfile = '_x/users'", {"_x/users": "\nann:secret"}, "_x/users:2: expected a hash as scriptsite"),
    "too long": ("[auth]\nfile = '_users'", {"_users": "#" * 300_000}, "_users:1: is longer than 262144 bytes"),
    "no module": (
        "\n[auth]\nmodule = 'a'",
        {"b.py": ""},
        "_folder.toml:2: auth.module: a: there is no a.py and no _a.py",
    ),
    "nothing in it": (
        "[auth]\nmodule = 'a'",
        {"_a.py": "x = 1"},
        "_a.py:1: defines neither authenticate(user, password",
    ),
    "no Python": ("[auth]\nmodule = 'a'", {"a.py": "x ="}, "a.py:1: invalid syntax"),
    "two": ("[auth]\nmodule = 'a'\nfile = '_u'", {"a.py": GUARD}, "_folder.toml:1: auth: expected one of file, module"),
    "a handler": ("[extensions]\n'.a' = 'b'", {}, "_folder.toml:2: extensions..a: expected one of "),
}
OPEN_DOORS: dict[str, tuple[str, dict[str, str]]] = {
    "a function": ("auth = { module = 'lib/a' }", {"lib/_a.py": GUARD}),
    "a class": ("auth = { module = 'a.py' }", {"a.py": "class AuthHandler: pass"}),
    "an import": ("auth = { module = 'a' }", {"a.py": "from b import authenticate", "b.py": GUARD}),
    "no users yet": ("auth = { file = '_users' }", {"_users": "# none\n"}),
    "off": ("auth = { off = true }", {}),
}


@pytest.mark.parametrize("case", DOORS)
def test_a_door_that_lets_nobody_in_is_a_fault(case: str, tmp_path: Path) -> None:
    settings, files, problem = DOORS[case]
    for name, text in {"_folder.toml": settings, **files}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (fault,) = check(str(tmp_path)).faults
    assert str(fault).startswith(f"{tmp_path}/{problem}")


@pytest.mark.parametrize("case", OPEN_DOORS)
def test_a_door_that_can_be_opened_is_none(case: str, tmp_path: Path) -> None:
    settings, files = OPEN_DOORS[case]
    for name, text in {"_folder.toml": settings, **files}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert check(str(tmp_path)).faults == []


@pytest.mark.parametrize("name", ["page.tpl", "page.jinja"])
def test_a_template_that_is_not_utf_8_is_a_fault(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"good\nbad: \xff")
    (fault,) = check(str(tmp_path / name)).faults
    assert str(fault).endswith(f"{name}:2: is not UTF-8 (byte 10)")


def test_a_dbpy_file_that_is_never_run_is_not_judged(tmp_path: Path) -> None:
    (tmp_path / "old.dbpy").write_text("#NOEXECUTE\nprint 'an example in Python 2'\n")
    verdict = check(str(tmp_path))
    assert (verdict.checked, verdict.faults) == (0, [])


def test_a_servers_settings_file_is_judged_by_its_own_name(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text("root = 'nowhere'\nthread = 3\n\n[http]\nkeep_alive = 'long'\n")
    assert [str(fault).split(": ", 1)[0] for fault in check(str(file)).faults] == [f"{file}:{n}" for n in (2, 5, 1)]
    assert check(str(tmp_path)).checked == 0


def test_what_is_hidden_or_no_business_of_the_server_is_left_alone(tmp_path: Path) -> None:
    for name in ".git/a.py", "__pycache__/b.py", "data.toml", "page.html", ".hidden.py":
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("= broken =")
    assert check(str(tmp_path)).checked == 0


def test_nothing_is_run(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    verdict = check(str(tmp_path))
    assert (verdict.checked, verdict.faults) == (1, [])
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["portal", "blog", "dbpy-tests"])
def test_the_samples_have_no_faults(name: str) -> None:
    verdict = check(str(PORTAL.parent / name))
    assert verdict.checked >= 10
    assert verdict.faults == []


@pytest.mark.process
def test_the_command_prints_each_fault_and_fails(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = (")
    (tmp_path / "b.py").write_text("x = 1")
    ended = run(str(BIN / "scriptsite"), "check", ".", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "./a.py:1: '(' was never closed\n")
    assert ended.stderr == "2 files checked: 1 fault\n"


def test_an_import_that_finds_no_neighbour_because_of_its_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("print('page')")
    (tmp_path / "helper.py").write_text("")
    (tmp_path / "x.py").write_text("import os, helper\nif os:\n    from random import choice\n")
    (fault,) = check(str(tmp_path)).faults
    assert (os.path.basename(fault.file), fault.line) == ("x.py", 3)
    assert "random.py has the name of a module of Python" in fault.problem
    (tmp_path / "_folder.toml").write_text("shadow_stdlib = true")
    assert check(str(tmp_path)).faults == []


@pytest.mark.process
def test_the_command_is_content_with_a_good_site() -> None:
    ended = run(str(BIN / "scriptsite"), "check", str(PORTAL))
    assert (ended.returncode, ended.stdout) == (0, "")


@pytest.mark.process
def test_a_path_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    ended = run(str(BIN / "scriptsite"), "check", "nowhere.py", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "nowhere.py:1: cannot be read: No such file or directory\n")


@pytest.mark.parametrize(
    ("key", "line"),
    [("a", 1), ("b.c", 3), ("b.d.e", 5), ("b.h[2]", 7), ("quoted.x/y.z", 9), ("nowhere", 1)],
)
def test_the_line_of_a_key_is_found(key: str, line: int) -> None:
    text = "a = 1\n[b] # table\nc = 2\n[b.d]\ne = 3\n[b]\nh = [1]\n[quoted]\n'x/y.z' = 1\n"
    assert line_of_key(text, key) == line
