"""What a script's failure shows: all of it in debug, nothing but a reference without; the log has it either way."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest
import pytest_twisted
from site_files import logged, write

from twistedsite.scripts.code.failures import MAX_REPR, report_exception, report_stack
from twistedsite.testing import serving

BROWSER = {"Accept": "text/html"}
FAIL = """import helper
apples = 3
password = 'swordfish'
settings = {'token': 'abcdef-secret', 'colour': 'green'}
helper.divide(apples, 0)
"""
HELPER = "def divide(a, b):\n    secret_key = 'open sesame'\n    return a / b  # here\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "x.py", FAIL)
    write(tmp_path, "helper.py", HELPER)
    return tmp_path


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_the_debug_page_shows_type_message_place_source_and_locals(root: Path) -> None:
    async with serving(root, debug=True) as site:
        answer = await site.get("/x.py?pear=1", headers=BROWSER)
    text = html.unescape(re.sub(r"<[^>]+>", "", answer.text))
    assert answer.status == 500
    for shown in ("ZeroDivisionError", "division by zero", "helper.py", "return a / b  # here", "apples", "green"):
        assert shown in text
    # The source is shown as it stands; the values of names that sound secret are not.
    assert text.count("open sesame") == 1
    assert text.count("(redacted)") >= 3
    assert "pear" in text


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_without_debug_nothing_leaks_but_a_reference_that_the_log_has_too(root: Path) -> None:
    async with serving(root) as site:
        for accept in ("text/html", "application/json", "text/plain"):
            with logged() as log:
                answer = await site.get("/x.py", headers={"Accept": accept})
            assert answer.status == 500
            reference = re.search(r"\b[0-9a-f]{8}\b", answer.text)
            assert reference is not None
            assert f"reference {reference[0]}" in log()
            assert 'File "helper.py", line 3, in divide' in log()
            assert "ZeroDivisionError: division by zero" in log()
            for hidden in ("Zero", "division", "helper", "x.py", str(root), "apples", "Traceback"):
                assert hidden not in answer.text
            assert "swordfish" not in log()


@pytest_twisted.ensureDeferred
async def test_a_program_in_debug_gets_the_traceback_as_json(root: Path) -> None:
    async with serving(root, debug=True) as site:
        answer = await site.get("/x.py", headers={"Accept": "application/json"})
    assert json.loads(answer.body)["traceback"][-1] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("name", "source", "line"),
    [("x.py", "a = 1\nb = (\nc = 2", 2), ("x.py", "a = 1\n  b = 2", 2), ("helper.py", "def f(:\n    pass", 1)],
)
@pytest_twisted.ensureDeferred
async def test_a_syntax_error_is_shown_with_its_line(root: Path, name: str, source: str, line: int) -> None:
    write(root, name, source)
    async with serving(root, debug=True) as site:
        with logged() as log:
            page = html.unescape((await site.get("/x.py", headers=BROWSER)).text)
    assert re.search("SyntaxError|IndentationError", page)
    assert source.splitlines()[line - 1].strip() in re.sub(r"<[^>]+>", "", page)
    assert f'File "{name}", line {line}' in log()
    # What the server did to read it says nothing.
    assert "run_script" not in log()


@pytest.mark.parametrize("source", [b"a = '\xff'", b"a = 1\0", b"# coding: nonsense\n"])
@pytest_twisted.ensureDeferred
async def test_a_file_that_is_no_python_is_a_failure_of_the_script(root: Path, source: bytes) -> None:
    write(root, "x.py", source)
    async with serving(root) as site:
        assert (await site.get("/x.py")).status == 500


@pytest.mark.isolation("threads", "workers")
@pytest.mark.parametrize(
    "raised",
    ["KeyboardInterrupt", "GeneratorExit", "MemoryError", "RecursionError", "StopIteration", "BaseException('x')"],
)
@pytest_twisted.ensureDeferred
async def test_any_exception_ends_its_own_script_only(root: Path, raised: str) -> None:
    write(root, "x.py", f"if form: raise {raised}\nprint('fine')")
    async with serving(root) as site:
        assert (await site.get("/x.py?fail=1")).status == 500
        assert (await site.get("/x.py")).text == "fine\n"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_endless_recursion_is_reported_in_bounds(root: Path) -> None:
    write(root, "x.py", "def f(n): return f(n + 1)\nf(0)")
    async with serving(root, debug=True) as site:
        answer = await site.get("/x.py", headers=BROWSER)
    assert answer.status == 500
    assert len(answer.body) < 300_000


HOSTILE = """
class Bad(Exception):
    def __str__(self): raise ValueError('no str')
    @property
    def report(self): return 'not a report'
class Worse:
    def __repr__(self): raise KeyError('no repr')
worse, long, many = Worse(), 'y' * 10_000_000, list(range(10_000_000))
raise Bad
"""


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_hostile_objects_are_reported_all_the_same(root: Path) -> None:
    write(root, "x.py", HOSTILE)
    async with serving(root, debug=True) as site:
        answer = await site.get("/x.py", headers=BROWSER)
    assert "no message: ValueError" in html.unescape(answer.text)
    assert "&lt;Worse instance at 0x" in answer.text
    assert len(answer.body) < 100_000


def test_causes_and_contexts_are_noted_and_a_circle_of_them_ends() -> None:
    first, second = ValueError("first"), KeyError("second")
    second.__cause__ = first
    first.__context__ = second
    first.add_note("a note")
    assert report_exception(second, "/nowhere").notes == ["caused by ValueError: first"]
    assert report_exception(first, "/nowhere").notes == ["a note", "while handling KeyError: 'second'"]


def test_where_a_thread_stands_is_told_without_running_code_of_its_objects(tmp_path: Path) -> None:
    ran: list[int] = []

    class Spy:
        def __repr__(self) -> str:
            ran.append(1)
            return "spied"

    namespace = {"spy": Spy(), "number": 7, "text": b"t" * 3 * MAX_REPR, "frames": [], "sys": __import__("sys")}
    exec(compile("frames.append(sys._getframe())", str(write(tmp_path, "x.py")), "exec"), namespace)
    shown = dict(report_stack(namespace["frames"][0], "hangs", str(tmp_path)).frames[-1].locals)
    assert (shown["spy"], shown["number"]) == ("<Spy>", "7")
    assert len(shown["text"]) < 2 * MAX_REPR
    assert ran == []
