"""The end of a script is an end: nothing that it has written is lost, and nothing that it has opened stays open."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted
from site_files import logged, write

from twistedsite.testing import serving

# The scripts leave open what they have opened: that is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
BOTH = pytest.mark.isolation("threads", "workers", sandbox="off")


@BOTH
@pytest.mark.parametrize("closing", ["", "raise SystemExit", "1 / 0"], ids=["end", "exit", "failure"])
@pytest_twisted.ensureDeferred
async def test_what_a_script_has_written_is_in_the_file_when_its_answer_is_there(tmp_path: Path, closing: str) -> None:
    # A function refers to the globals, and these to the function: no count of references ever ends.
    write(
        tmp_path,
        "site/x.py",
        f"def f(): pass\nlog = open({str(tmp_path / 'log')!r}, 'a')\nlog.write('line\\n')\n{closing}",
    )
    async with serving(tmp_path / "site") as site:
        for count in range(1, 4):
            await site.get("/x.py")
            assert (tmp_path / "log").read_text() == count * "line\n"


@BOTH
@pytest_twisted.ensureDeferred
async def test_a_file_in_an_object_that_refers_to_itself_is_written_too(tmp_path: Path) -> None:
    source = f"class Book: pass\nbook = Book()\nbook.me = book\nbook.file = open({str(tmp_path / 'log')!r}, 'a')\n"
    write(tmp_path, "site/x.py", source + "book.file.write('line\\n')")
    async with serving(tmp_path / "site") as site:
        await site.get("/x.py")
    assert (tmp_path / "log").read_text() == "line\n"


@BOTH
@pytest_twisted.ensureDeferred
async def test_a_lock_on_a_file_goes_with_the_script(tmp_path: Path) -> None:
    write(
        tmp_path,
        "site/x.py",
        f"import fcntl\ndef f(): pass\nbook = open({str(tmp_path / 'book')!r}, 'a')\n"
        "fcntl.flock(book, fcntl.LOCK_EX | fcntl.LOCK_NB)\nprint('mine')",
    )
    async with serving(tmp_path / "site") as site:
        assert [(await site.get("/x.py")).text for _ in range(3)] == ["mine\n"] * 3


@BOTH
@pytest_twisted.ensureDeferred
async def test_a_database_that_a_failed_script_has_left_is_unlocked(tmp_path: Path) -> None:
    source = f"""
import sqlite3
def add():
    db = sqlite3.connect({str(tmp_path / "db")!r}, timeout=0)
    db.execute("create table if not exists t (x)")
    db.execute("insert into t values (1)")
    1 / 0
add()
"""
    write(tmp_path, "site/x.py", source)
    async with serving(tmp_path / "site", debug=True) as site:
        for _ in range(3):
            assert "ZeroDivisionError" in (await site.get("/x.py")).text


@BOTH
@pytest_twisted.ensureDeferred
async def test_descriptors_and_memory_of_a_script_go_with_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        "x.py",
        "import os\ndef f(): pass\nfiles = [open(os.devnull) for _ in range(50)]\nbig = bytearray(1000000)\n"
        "print(len(os.listdir('/proc/self/fd')))",
    )
    async with serving(tmp_path) as site:
        first = (await site.get("/x.py")).text
        assert [(await site.get("/x.py")).text for _ in range(20)] == [first] * 20


@BOTH
@pytest_twisted.ensureDeferred
async def test_exit_functions_run_at_the_end_and_print_into_the_page(tmp_path: Path) -> None:
    source = """
import atexit
atexit.register(print, "first registered, last called")
@atexit.register
def fails():
    1 / 0
atexit.register(print, "last registered")
print("script")
"""
    write(tmp_path, "x.py", source)
    async with serving(tmp_path) as site:
        with logged() as log:
            for _ in range(2):
                text = (await site.get("/x.py")).text
                assert text == "script\nlast registered\nfirst registered, last called\n"
    assert "Exception ignored in atexit callback" in log()
    assert "ZeroDivisionError" in log()


@BOTH
@pytest_twisted.ensureDeferred
async def test_exit_functions_of_modules_that_stay_are_left_for_the_end_of_the_process(tmp_path: Path) -> None:
    write(tmp_path, "stays.py", "import atexit\natexit.register(lambda: print('end of the process'))")
    write(tmp_path, "x.py", "import stays\nprint('page')")
    async with serving(tmp_path) as site:
        assert (await site.get("/x.py")).text == "page\n"


@BOTH
@pytest_twisted.ensureDeferred
async def test_threads_that_are_no_daemons_are_waited_for(tmp_path: Path) -> None:
    source = """
import threading
go = threading.Event()
def work():
    go.wait()
    print_later.append("worked")
def idle():
    threading.Event().wait(60)
print_later = []
threading.Thread(target=work).start()
threading.Thread(target=idle, daemon=True).start()
import atexit
atexit.register(lambda: print(*print_later))
threading.Timer(0.1, lambda: go.set()).start()
"""
    write(tmp_path, "x.py", source)
    async with serving(tmp_path) as site:
        assert (await site.get("/x.py")).text == "worked\n"


@pytest.mark.process
@BOTH
@pytest_twisted.ensureDeferred
async def test_a_forked_process_that_exits_ends(tmp_path: Path) -> None:
    source = f"""
import os, sys
def f(): pass
child = os.fork()
if child == 0:
    file = open({str(tmp_path / "log")!r}, "w")
    file.write("by the child")
    sys.exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), open({str(tmp_path / "log")!r}).read())
"""
    write(tmp_path, "site/x.py", source)
    async with serving(tmp_path / "site") as site:
        assert (await site.get("/x.py")).text == "3 by the child\n"


@BOTH
@pytest_twisted.ensureDeferred
async def test_modules_that_stay_keep_their_globals(tmp_path: Path) -> None:
    write(tmp_path, "stays.py", "seen = []\ndef see(name):\n    seen.append(name)\n    return seen")
    write(tmp_path, "x.py", "from stays import see\ndef f(): pass\nprint(see('x'))")
    async with serving(tmp_path, autoreload=False) as site:
        await site.get("/x.py")
        assert (await site.get("/x.py")).text == "['x', 'x']\n"


def test_the_end_is_that_of_cpython(tmp_path: Path) -> None:
    """What is finalized in which order, in a program of its own and here."""
    from twistedsite.scripts.importing.program import Program

    source = """
class Tells:
    def __init__(self, name): self.name = name
    def __del__(self): told.append(self.name)
b = Tells("b")
_private = Tells("_private")
a = Tells("a")
__dunder__ = Tells("__dunder__")
"""
    told: list[str] = []
    namespace = {"told": told, "__name__": "__main__", "__builtins__": __builtins__}
    exec(source, namespace)
    # `__del__` finds its globals by name: its own list has another.
    namespace["Tells"].__del__ = lambda self: told.append(self.name)  # type: ignore[attr-defined]
    Program(namespace, frozenset(), True).end()
    assert told == ["_private", "b", "a", "__dunder__"]
