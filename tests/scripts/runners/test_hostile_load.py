"""The promise of the thread runner, kept by a real process: bad scripts by the hundred, and good ones do not notice."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
import server_process
from server_process import ANY_PORT, TWISTD, Server, running
from site_files import write

pytestmark = pytest.mark.quiet

DEADLINE = 1.0
GOOD, BAD, CLIENTS = 2000, 200, 20
HEALTH = "/.well-known/scriptsite-health"

BAD_SCRIPTS = {
    "loop": "while True: pass",
    "sleep": "import time\ntime.sleep(2.5)",
    "swallow": "while True:\n    try:\n        while True: int()\n    except BaseException: continue",
    "count": "n = 0\nwhile True: n += 1",
    "nap": "import time\nwhile True:\n    try: time.sleep(0.05)\n    except BaseException: pass",
    "nested": """
while True:
    try:
        try:
            while True: int()
        except BaseException: pass
    except BaseException: pass
""",
    "session": "Session().n = 1\nwhile True: Session().n += 1",
    "wait": "import threading\nthreading.Event().wait(2.5)",
    "manager": """
class Swallow:
    def __enter__(self): return self
    def __exit__(self, *error): return True
while True:
    with Swallow(), Swallow():
        while True: int()
""",
}
"""A third of them computes, a third waits, a third swallows every exception."""
GOOD_SCRIPTS = {
    "hello": "print('Hello', form.get('name'))",
    "counter": "import helper\nprint('Hello', helper.double(form['name']))",
    "page": "print('Hello')\nfor i in range(500): print(i, end=' ')",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    for name, script in BAD_SCRIPTS.items():
        write(root, f"bad/{name}.py", script)
    # For the bad ones only: how soon this machine answers a good one just now is not what is asked here.
    write(root, "bad/_folder.toml", f"timeout = {DEADLINE}")
    for name, script in GOOD_SCRIPTS.items():
        write(root, f"{name}.py", script)
    write(root, "helper.py", "def double(text): return text * 2")
    write(root, "still.html", "Hello")
    return root


class Visit(NamedTuple):
    """How one path was answered."""

    path: str
    status: int
    taken: float
    """Seconds. How late an answer may be is measured by the benchmarks: it depends on the machine."""


class Visitor(threading.Thread):
    """Takes paths from a shared queue and notes how they were answered."""

    def __init__(self, server: Server, paths: Iterator[str]) -> None:
        super().__init__()
        self.answers: list[Visit] = []
        self._server = server
        self._paths = paths

    def run(self) -> None:
        place = urlsplit(self._server.url)
        with contextlib.closing(http.client.HTTPConnection(str(place.hostname), place.port, timeout=20)) as connection:
            for path in self._paths:
                begun = time.monotonic()
                status = self._visit(connection, path)
                self.answers.append(Visit(path, status, time.monotonic() - begun))

    def _visit(self, connection: http.client.HTTPConnection, path: str) -> int:
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            greeted = response.read().startswith(b"Hello")
        except (OSError, http.client.HTTPException):
            connection.close()
            return 0
        return response.status if greeted or response.status != 200 else 0


def visit(server: Server, paths: list[str]) -> list[Visit]:
    queue = iter(paths)
    shared = iter(lambda: next(queue, ""), "")
    visitors = [Visitor(server, shared) for _ in range(CLIENTS)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    return [answer for visitor in visitors for answer in visitor.answers]


def health(server: Server) -> dict[str, int]:
    scripts: dict[str, int] = json.loads(server.get(HEALTH[1:])[1])["scripts"]
    return scripts


def resident(server: Server) -> int:
    """Bytes of memory that the server holds."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])


def test_two_hundred_bad_scripts_disturb_no_good_one(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_process, "PATIENCE", 300.0)
    settings = tmp_path / "s.toml"
    settings.write_text(
        f"root = {str(root)!r}\nthreads = 64\naccess_log = 'off'\n[pool]\ngrace = '500ms'\nlost = 200\n"
    )
    good = [f"/{name}.py?name=x" for name, _ in zip(itertools.cycle(GOOD_SCRIPTS), range(GOOD - 200), strict=False)]
    good += ["/still.html"] * 200
    bad = [f"/bad/{name}.py" for name, _ in zip(itertools.cycle(BAD_SCRIPTS), range(BAD), strict=False)]
    mixed = [*good, *bad]
    random.Random(2).shuffle(mixed)
    log = (tmp_path / "log").open("w+")
    with log, running(*TWISTD, "--settings", str(settings), *ANY_PORT) as server:
        assert server.process.stdout is not None
        pump = threading.Thread(target=lambda: [log.write(line) for line in server.process.stdout or ()])
        pump.start()
        warm = Counter(answer.status for answer in visit(server, good))
        assert warm == {200: GOOD}
        before = resident(server)

        answers = visit(server, mixed)

        patience = time.monotonic() + 60
        while (counts := health(server))["running"] or counts["lost"]:
            assert time.monotonic() < patience, counts
        after = resident(server)
        server.process.terminate()
        pump.join()
        log.seek(0)
        logged = log.read()

    wrong = [a for a in answers if (a.status == 504) != (a.path in bad) or a.status not in (200, 504)]
    assert wrong == []
    assert min(a.taken for a in answers if a.path in bad) >= DEADLINE - 0.05
    assert Counter(a.status for a in answers) == {200: GOOD, 504: BAD}
    assert counts["threads"] <= 64
    assert after - before < 32 * 1024 * 1024
    assert logged.count("Timeout: still running") == BAD
