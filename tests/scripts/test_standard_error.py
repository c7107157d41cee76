"""What scripts write to standard error goes to the server's log, with the names of site and script."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import pytest_twisted
from server_process import ANY_PORT, TWISTD, running
from site_files import logged, write
from twisted.internet import reactor
from twisted.internet.task import deferLater

from twistedsite.testing import serving

WAYS = {
    "print": "import sys\nprint('oh no', file=sys.stderr)",
    "write": "import sys\nsys.stderr.write('oh no')",
    "pieces": "import sys\nsys.stderr.writelines(['oh no', '\\n'])",
    "warnings": "import warnings\nwarnings.simplefilter('always')\nwarnings.warn('oh no')",
    "logging": "import logging\nlogging.getLogger('x').warning('oh no')",
    "a handler": "import logging\nlog = logging.getLogger('y')\nlog.addHandler(logging.StreamHandler())\n"
    "log.propagate = False\nlog.warning('oh no')\nlog.handlers.clear()",
    "traceback": "import traceback\ntry: raise ValueError('oh no')\nexcept ValueError: traceback.print_exc()",
    "a thread with its context": "import contextvars, sys, threading\n"
    "thread = threading.Thread(target=contextvars.copy_context().run, args=(print, 'oh no'), "
    "kwargs={'file': sys.stderr})\nthread.start(); thread.join()",
}


@pytest.mark.process
@pytest.mark.parametrize("where", ["threads", "workers"])
def test_what_is_written_to_standard_error_is_logged_under_the_scripts_name(tmp_path: Path, where: str) -> None:
    root = tmp_path / "site"
    for number, script in enumerate(WAYS.values()):
        write(root, f"sub/x{number}.py", script.replace("oh no", f"oh no {number}") + "\nprint('page')")
    with running(*TWISTD, "--root", str(root), "--isolation", where, *ANY_PORT) as server:
        for number in range(len(WAYS)):
            assert server.get(f"sub/x{number}.py") == (200, "page\n")
        output = server.stop()
    for number, name in enumerate(WAYS):
        lines = [line for line in output.splitlines() if f"oh no {number}" in line]
        assert lines, (name, output)
        # A warning in a thread is logged by Twisted itself, which names the file and the line.
        assert f"sub/x{number}.py:" in output, name


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_lines_that_are_written_at_once_are_logged_in_one_piece_and_escaped(tmp_path: Path) -> None:
    write(tmp_path, "x.py", r"import sys; sys.stderr.write('one \x1b[31m\x07two\nthree\n'); print('page')")
    async with serving(tmp_path) as site:
        with logged() as log:
            assert (await site.get("/x.py")).text == "page\n"
            await logged_lines(log, "three")
    assert "site: x.py: one \ufffd[31m\ufffdtwo\nthree" in log()


@pytest_twisted.ensureDeferred
async def test_scripts_that_write_at_once_do_not_share_a_line(tmp_path: Path) -> None:
    write(
        tmp_path,
        "x.py",
        "import sys\nfor _ in range(50):\n"
        "    for piece in form['n'] * 20: print(piece, end='', file=sys.stderr)\n    print(file=sys.stderr)",
    )
    async with serving(tmp_path) as site:
        with logged() as log:
            asked = [site.get(f"/x.py?n={n}") for n in range(8)]
            for answer in asked:
                assert (await answer).status == 200
            await logged_lines(log, *(str(n) * 20 for n in range(8)))
    lines = [line.removeprefix("site: x.py: ") for line in log().splitlines() if line.startswith("site: x.py: ")]
    assert sorted(set(lines)) == [str(n) * 20 for n in range(8)]
    assert len(lines) == 8 * 50


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_flood_of_lines_is_cut_off_and_the_next_script_is_heard_again(tmp_path: Path) -> None:
    write(tmp_path, "flood.py", "import sys\nfor _ in range(10_000): print('x' * 100, file=sys.stderr)\nprint('page')")
    write(tmp_path, "next.py", "import sys\nprint('oh no', file=sys.stderr)")
    async with serving(tmp_path) as site:
        with logged() as log:
            assert (await site.get("/flood.py")).text == "page\n"
            await logged_lines(log, "it has written too much")
            assert (await site.get("/next.py")).status == 200
            await logged_lines(log, "oh no")
    assert len(log()) < 200_000
    assert log().count("it has written too much") == 1
    assert "site: next.py: oh no" in log()


@pytest_twisted.ensureDeferred
async def test_what_stood_there_stands_there_again_when_the_server_ends(tmp_path: Path) -> None:
    before = sys.stdout, sys.stderr
    write(tmp_path, "x.py", "print('page')")
    async with serving(tmp_path) as site:
        assert (await site.get("/x.py")).text == "page\n"
    assert (sys.stdout, sys.stderr) == before


async def logged_lines(log: object, *expected: str) -> None:
    """Wait until the log has all of `expected`: a worker's lines may come a moment after its answer."""
    assert callable(log)
    while not all(text in log() for text in expected):
        await deferLater(reactor, 0.01)
