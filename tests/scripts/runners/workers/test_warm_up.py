"""What a zygote does before it forks: it leaves no trace, and no collection writes to its memory."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
import pytest_twisted

pytestmark = pytest.mark.process


def printed_by(source: str) -> Any:
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
    before, after = printed_by(source)
    assert after == before
    assert not before["modules"]


def test_no_collection_touches_what_was_settled() -> None:
    source = """
import gc, json
from twistedsite.scripts.runners.workers.child.warmup import settle

class Ring:
    pass

settle()
print(json.dumps([gc.isenabled(), gc.get_freeze_count() > 1000, len(gc.get_objects()) < 1000]))
"""
    assert printed_by(source) == [False, True, True]


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
    assert printed_by(source) == [True] * 4
