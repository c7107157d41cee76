"""What a zygote does before it forks: it leaves no trace, and its workers write to few pages of its memory."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
import pytest_twisted

pytestmark = pytest.mark.process


def told_by(source: str) -> Any:
    """What the program `source` prints as JSON: a process of its own, as its memory and its imports are the subject."""
    ended = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(ended.stdout)


def test_warming_up_leaves_no_trace() -> None:
    source = """
import importlib, json, os, sys, tempfile
from twistedsite.scripts.dialects import DIALECTS, load_dialect
from twistedsite.scripts.runners.workers.child.warmup import warm_up

with tempfile.TemporaryDirectory() as folder:
    tempfile.tempdir = folder

    def state():
        return {
            "modules": [name for name in sys.modules if name.startswith("site_folder_") or name == "warmup"],
            "main": id(sys.modules["__main__"]),
            "finders": [id(finder) for finder in sys.meta_path],
            "importer": importlib.import_module.__module__,
            "cached": [path for path in sys.path_importer_cache if path.startswith(folder)],
            "streams": [id(sys.stdout), id(sys.stderr)],
            "profiled": sys.getprofile() is not None,
            "environ": dict(os.environ),
            "files": os.listdir(folder),
            "descriptors": os.listdir("/proc/self/fd"),
            "directory": os.getcwd(),
        }

    for dialect in DIALECTS:
        load_dialect(dialect)
    before = state()
    warm_up()
    after = state()
print(json.dumps([before, after]))
"""
    before, after = told_by(source)
    assert after == before
    assert not before["modules"]


def test_functions_whose_code_was_gathered_do_what_they_did() -> None:
    source = """
import json
from twistedsite.scripts.runners.workers.child.compact import code_used, gather

def outer(start, *, step=1):
    def inner(count):
        return [start + step * n for n in range(count)]
    return inner

def unused():
    return outer

class Kind:
    def method(self):
        return sorted((name for name in ("b", "a")), key=lambda name: name)

def results():
    return [outer(1)(3), outer(0, step=5)(2), made(2), Kind().method()]

made = outer(7)
codes = [function.__code__ for function in (outer, made, Kind.method, unused)]
with code_used() as used:
    before = results()
gather(used)
moved = [function.__code__ is not code for function, code in zip((outer, made, Kind.method, unused), codes)]
nested = made.__code__ in outer.__code__.co_consts
print(json.dumps([before == results(), moved, nested, outer.__code__ == codes[0]]))
"""
    assert told_by(source) == [True, [True, True, True, False], True, True]


@pytest.mark.parametrize("size", [64, 400, 2000])
def test_what_is_made_after_the_gaps_were_filled_lies_together(size: int) -> None:
    source = f"""
import json, sys
from twistedsite.scripts.runners.workers.child.compact import fill_gaps

def pages():
    made = [bytes(bytearray({size} - sys.getsizeof(b""))) for _ in range(100)]
    return len({{id(one) // 4096 for one in made}})

many = [bytes(bytearray({size} - sys.getsizeof(b""))) for _ in range(20000)]
keep = [one for n, one in enumerate(many) if n % 50]
del many
scattered = pages()
fill_gaps()
print(json.dumps([scattered, pages()]))
"""
    scattered, together = told_by(source)
    least = -(-100 * size // 4096)
    assert together <= least + 4 < scattered


def test_no_collection_touches_what_was_settled() -> None:
    source = """
import gc, json
from twistedsite.scripts.runners.workers.child.compact import settle

class Ring:
    pass

settle()
print(json.dumps([gc.isenabled(), gc.get_freeze_count() > 1000, len(gc.get_objects()) < 1000]))
"""
    assert told_by(source) == [False, True, True]


@pytest_twisted.ensureDeferred
async def test_a_script_finds_an_ordinary_process(write: Any, serve: Any) -> None:
    write(
        "process.py",
        """
        import gc, json, os, signal
        handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGCHLD)]
        print(json.dumps([handlers == [signal.SIG_DFL] * 2, gc.isenabled(), gc.get_freeze_count() > 1000]))
        """,
    )
    async with serve() as site:
        assert json.loads((await site.get("/process")).text) == [True, True, True]


def test_a_spare_copy_of_the_builtins_serves_once() -> None:
    source = """
import builtins, json
from twistedsite.scripts.importing.own_builtins import make_spare, own_builtins

def importer():
    pass

make_spare()
make_spare()
own = dict(vars(builtins))
first, second = own_builtins(importer), own_builtins(print)
builtins.added = 1
third = own_builtins(importer)
print(json.dumps([
    first == {**own, "__import__": importer},
    second == {**own, "__import__": print},
    third == {**own, "added": 1, "__import__": importer},
    builtins.__import__ is own["__import__"],
]))
"""
    assert told_by(source) == [True] * 4
