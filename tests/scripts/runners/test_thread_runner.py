"""Scripts in threads, through a real socket: deadlines, a full queue, lost threads, and what is hard to stop."""

from __future__ import annotations

import json
import sys
import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from site_files import logged, write
from twisted.internet import reactor, threads
from twisted.internet.defer import CancelledError, ensureDeferred, gatherResults
from twisted.internet.task import deferLater

from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.messages.outcome import Outcome
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.scripts.runners.run import run_script
from twistedsite.scripts.runners.threads.runner import ThreadRunner
from twistedsite.scripts.runners.threads.shared import SharedThreads
from twistedsite.settings.server import ThreadSettings
from twistedsite.testing import Response, ServedSite, serving

HEALTH = "/.well-known/scriptsite-health"
BROWSER = {"Accept": "text/html"}
GATE = "import threading\nbegun, go = threading.Event(), threading.Event()"


async def health(site: ServedSite) -> dict[str, int]:
    counts: dict[str, int] = json.loads((await site.get(HEALTH)).body)["scripts"]
    return counts


async def until_idle(site: ServedSite) -> dict[str, int]:
    """Wait until no script is at work and no thread is lost; what the server says then."""
    while (counts := await health(site))["running"] or counts["lost"]:
        await deferLater(reactor, 0.01)
    return counts


STUBBORN = {
    "a loop": "while True: pass",
    "except in a loop": "while True:\n    try:\n        while True: int()\n    except BaseException: continue",
    "nested try": """
while True:
    try:
        try:
            try:
                while True: int()
            except BaseException: pass
        except BaseException: pass
    except: pass
""",
    "finally": "def f():\n    while True:\n        try: int()\n        finally: continue\nf()",
    "return in finally": """
def f():
    try:
        while True: int()
    finally:
        return 1
while True: f()
""",
    "generator": """
def g():
    while True:
        try: yield int()
        except BaseException: continue
while True:
    try:
        for x in g(): pass
    except BaseException: continue
""",
    "recursion": """
def f(depth):
    try:
        while True: int()
    except BaseException:
        f(depth + 1)
f(0)
""",
    "two that call each other": """
def f():
    try:
        while True: int()
    except BaseException: g()
def g():
    try: f()
    except BaseException: f()
while True:
    try: f()
    except BaseException: g()
""",
    "context manager": """
class Swallow:
    def __enter__(self): return self
    def __exit__(self, *error): return True
while True:
    with Swallow(), Swallow():
        while True: int()
""",
    "suppress": "from contextlib import *\nwhile True:\n    with suppress(BaseException):\n        while True: int()",
    "exec": "exec('while True:\\n try:\\n  while True: int()\\n except: pass')",
    "naps": "import time\nwhile True:\n    try: time.sleep(0.02)\n    except BaseException: pass",
    "a lock that never comes": """
import threading
lock = threading.Lock()
lock.acquire()
while True:
    try: lock.acquire(timeout=0.02)
    except BaseException: pass
""",
    "who turns tracing off": """
import sys
while True:
    try:
        while True: sys.settrace(None)
    except BaseException: pass
""",
    "who looks at its own traceback": """
import traceback
while True:
    try:
        while True: int()
    except BaseException: traceback.format_exc()
""",
    "session": "while True:\n    try:\n        while True: Session().n = 1\n    except BaseException: pass",
    "its own repr": """
class Slow:
    def __repr__(self):
        while True: int()
slow = Slow()
1 / 0
""",
}


# Python complains of generators that yield when they are closed, as one of these does.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("script", STUBBORN.values(), ids=STUBBORN)
@pytest_twisted.ensureDeferred
async def test_a_script_past_its_deadline_is_answered_504_and_stopped(tmp_path: Path, script: str) -> None:
    write(tmp_path, "impatient/_folder.toml", "timeout = '200ms'")
    write(tmp_path, "impatient/x.py", script)
    write(tmp_path, "fine.py", "print('fine')")
    async with serving(tmp_path, debug=True, pool={"grace": "10s"}) as site:
        # A thread is there then: to start one may take all of the deadline on a busy machine.
        await site.get("/fine.py")
        assert (await site.get("/impatient/x.py")).status == 504
        counts = await until_idle(site)
        assert counts["lost"] == 0
        assert (await site.get("/fine.py")).text == "fine\n"
    assert sys.gettrace() is None


@pytest_twisted.ensureDeferred
async def test_a_script_that_streams_for_ever_is_cut_off_and_stopped(tmp_path: Path) -> None:
    # Little at a time: while it waits for its client, which is as busy as the server here, its time does not pass.
    endless = "print('x', flush=True)\nwhile True:\n    try: print('x')\n    except BaseException: pass"
    write(tmp_path, "x.py", endless)
    async with serving(tmp_path, timeout="1s", pool={"grace": "10s"}) as site:
        answer = await site.raw(b"GET /x.py HTTP/1.1\r\nHost: h\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert not answer.endswith(b"0\r\n\r\n")
        await until_idle(site)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    "wait",
    [
        # Not the loop first: CPython 3.11 may take an exception at its jump back for one from before the `try`.
        "n = 0\n    while True: int()",
        # In C for as long as other scripts, or this one if it were stubborn, are forced.
        "time.sleep(1.3)",
    ],
)
async def test_a_well_behaved_script_may_tidy_up_at_its_deadline(tmp_path: Path, wait: str) -> None:
    write(tmp_path, "notes.py", "seen = []")
    write(
        tmp_path,
        "x.py",
        f"import notes, time\ntry:\n    {wait}\nfinally:\n    for i in range(1000): notes.seen.append(i)",
    )
    write(tmp_path, "y.py", "import notes\nprint(len(notes.seen))")
    # Here and below, long enough for a script on a busy machine to get as far as that.
    write(tmp_path, "_folder.toml", "timeout = '1s'")
    async with serving(tmp_path) as site:
        assert (await site.get("/x.py")).status == 504
        await until_idle(site)
        (tmp_path / "_folder.toml").unlink()
        assert (await site.get("/y.py")).text == "1000\n"


@pytest_twisted.ensureDeferred
async def test_log_and_debug_page_show_where_a_script_hung(tmp_path: Path) -> None:
    write(tmp_path, "helper.py", "def forever(count):\n    while True:\n        count += 1  # here it hangs")
    write(tmp_path, "x.py", "import helper\npassword = 'swordfish'\nhelper.forever(0)")
    async with serving(tmp_path, timeout="1s", debug=True) as site:
        with logged() as log:
            page = (await site.get("/x.py", headers=BROWSER)).text
    assert 'File "x.py", line 3, in <module>' in log()
    assert 'File "helper.py", line 3, in forever' in log() or 'File "helper.py", line 2, in forever' in log()
    assert "    count = " in log()
    assert "here it hangs" in page
    assert "still running 1 s" in page
    assert "swordfish" not in page.replace("password = &#39;swordfish&#39;", "")


@pytest_twisted.ensureDeferred
async def test_without_debug_a_timeout_tells_nothing_but_a_reference(tmp_path: Path) -> None:
    write(tmp_path, "x.py", "while True: pass  # secret")
    async with serving(tmp_path, timeout="300ms") as site:
        with logged() as log:
            answer = await site.get("/x.py")
    reference = answer.text.partition("Reference: ")[2].strip()
    assert reference
    assert f"reference {reference}" in log()
    assert "secret" not in answer.text
    assert "x.py" not in answer.text


@pytest_twisted.ensureDeferred
async def test_a_full_queue_is_answered_503_with_retry_after(tmp_path: Path) -> None:
    write(tmp_path, "gate.py", GATE)
    write(tmp_path, "x.py", "import gate\ngate.begun.set()\ngate.go.wait(20)\nprint('done')")
    async with serving(tmp_path, threads=1, pool={"queue": 2}) as site:
        first = ensureDeferred(site.get("/x.py"))
        while (await health(site))["running"] != 1:
            pass
        waiting = [ensureDeferred(site.get("/x.py")) for _ in range(2)]
        while (await health(site))["queued"] != 2:
            pass
        refused = await site.get("/x.py")
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        release(tmp_path)
        answers: list[Response] = await gatherResults([first, *waiting], consumeErrors=True)
        assert [answer.text for answer in answers] == ["done\n"] * 3


def release(root: Path) -> None:
    """Open the gate that scripts of the folder `root` wait at."""
    gates = [
        module for module in list(sys.modules.values()) if getattr(module, "__file__", "") == str(root / "gate.py")
    ]
    for gate in gates:
        gate.go.set()


@pytest_twisted.ensureDeferred
async def test_who_waits_in_the_queue_past_the_deadline_is_answered_503(tmp_path: Path) -> None:
    write(tmp_path, "gate.py", GATE)
    write(tmp_path, "long.py", "import gate\ngate.go.wait(20)")
    write(tmp_path, "quick/_folder.toml", "timeout = '100ms'")
    write(tmp_path, "quick/y.py", "print(1)")
    async with serving(tmp_path, threads=1) as site:
        first = ensureDeferred(site.get("/long.py"))
        while (await health(site))["running"] != 1:
            pass
        answer = await site.get("/quick/y.py")
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        release(tmp_path)
        assert (await first).status == 200


@pytest_twisted.ensureDeferred
async def test_lost_threads_are_counted_replaced_refused_beyond_the_limit_and_given_back(tmp_path: Path) -> None:
    write(tmp_path, "impatient/gate.py", GATE)
    # Long enough for a busy machine: a script that does not get as far as its gate in this time can be stopped.
    write(tmp_path, "impatient/_folder.toml", "timeout = '1s'")
    write(tmp_path, "impatient/stuck.py", "import gate\ngate.go.wait(20)")
    write(tmp_path, "fine.py", "print('fine')")
    async with serving(tmp_path, threads=1, pool={"lost": 2, "grace": "50ms"}) as site:
        with logged() as log:
            assert (await site.get("/impatient/stuck.py")).status == 504
            while (await health(site))["lost"] != 1:
                pass
            assert (await site.get("/fine.py")).text == "fine\n"
            assert (await site.get("/impatient/stuck.py")).status == 504
            while json.loads((answer := await site.get(HEALTH)).body)["scripts"]["lost"] != 2:
                pass
            assert (answer.status, json.loads(answer.body)["status"]) == (503, "failing")
            refused = await site.get("/fine.py")
            assert (refused.status, refused.headers["retry-after"]) == (503, "5")
            assert log().count("its thread is lost") == 2
        release(tmp_path / "impatient")
        await until_idle(site)
        assert (await site.get("/fine.py")).text == "fine\n"
        assert (await site.get(HEALTH)).status == 200


@pytest_twisted.ensureDeferred
async def test_a_client_that_goes_away_while_queued_costs_no_run(tmp_path: Path) -> None:
    write(tmp_path, "gate.py", GATE + "\nruns = []")
    write(tmp_path, "long.py", "import gate\ngate.go.wait(20)")
    write(tmp_path, "x.py", "import gate\ngate.runs.append(1)")
    write(tmp_path, "count.py", "import gate\nprint(len(gate.runs))")
    async with serving(tmp_path, threads=1) as site:
        first = ensureDeferred(site.get("/long.py"))
        while (await health(site))["running"] != 1:
            pass
        connection = await site.connect()
        connection.send(b"GET /x.py HTTP/1.1\r\nHost: h\r\n\r\n")
        while (await health(site))["queued"] != 1:
            pass
        await connection.close()
        # What the server answers now, it answers after it has seen that client go.
        await health(site)
        release(tmp_path)
        await first
        assert (await site.get("/count.py")).text == "0\n"


@pytest_twisted.ensureDeferred
async def test_the_end_of_the_server_stops_scripts_and_leaves_no_thread(tmp_path: Path) -> None:
    write(tmp_path, "x.py", "while True: int()")
    before = {thread.name for thread in threading.enumerate() if thread.name.startswith("script")}
    interval, stdout = sys.getswitchinterval(), sys.stdout
    async with serving(tmp_path, timeout="60s", drain="50ms") as site:
        asked = [ensureDeferred(site.get("/x.py")) for _ in range(3)]
        while (await health(site))["running"] != 3:
            pass
    for deferred in asked:
        deferred.addErrback(lambda _: None)
        await deferred
    ours = [t for t in threading.enumerate() if t.name.startswith("script ") or t.name == "script"]
    await threads.deferToThread(lambda: [thread.join(10) for thread in ours if thread.name not in before])
    assert not any(thread.is_alive() for thread in ours if thread.name not in before)
    assert sys.getswitchinterval() == interval
    assert sys.stdout is stdout


@pytest_twisted.ensureDeferred
async def test_context_of_the_server_is_carried_into_scripts_and_nothing_back(tmp_path: Path) -> None:
    write(tmp_path, "vars.py", "from contextvars import ContextVar\nseen = ContextVar('seen', default='nothing')")
    write(tmp_path, "x.py", "import vars\nprint(vars.seen.get())\nvars.seen.set('a trace of another request')")
    async with serving(tmp_path, threads=1) as site:
        assert [(await site.get("/x.py")).text for _ in range(3)] == ["nothing\n"] * 3


@pytest_twisted.ensureDeferred
async def test_the_end_of_the_server_stops_a_script_too_that_was_about_to_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = threading.Event(), threading.Event()

    def late(exchange: Exchange, interpreters: Interpreters) -> Outcome:
        begun.set()
        go.wait(20)
        return run_script(exchange, interpreters)

    monkeypatch.setattr("twistedsite.scripts.runners.threads.runner.run_script", late)
    write(tmp_path, "x.py", "while True: pass")
    before = set(threading.enumerate())
    async with serving(tmp_path, timeout="60s", drain="50ms") as site:
        asked = ensureDeferred(site.get("/x.py"))
        asked.addErrback(lambda _: None)
        await threads.deferToThread(begun.wait, 20)
    await asked
    go.set()
    ours = [thread for thread in threading.enumerate() if thread not in before and thread.name.startswith("script")]
    await threads.deferToThread(lambda: [thread.join(10) for thread in ours])
    assert not any(thread.is_alive() for thread in ours)


@pytest_twisted.ensureDeferred
async def test_what_is_queued_when_a_runner_is_stopped_never_runs_and_is_forgotten(tmp_path: Path) -> None:
    write(tmp_path, "x.py", f"open({str(tmp_path / 'ran')!r}, 'w')")
    loop: Any = reactor
    nothing: Any = Nothing()
    shared = SharedThreads(loop)
    runner = ThreadRunner(loop, "site", 1, ThreadSettings(), nothing, shared)
    request = ScriptRequest(
        root=str(tmp_path),
        script=("x.py",),
        filename=str(tmp_path / "x.py"),
        version="1",
        dialect="printing",
        timeout=20,
    )
    try:
        waiting = [runner.run(request, BytesIO(), nothing) for _ in range(3)]
        assert runner.health()["queued"] == 3
        runner.stop()
        for deferred in waiting:
            with pytest.raises(CancelledError):
                await deferred
        assert (runner.health()["running"], runner.health()["queued"]) == (0, 0)
        assert shared._jobs == set()
    finally:
        shared.stop()
    assert not (tmp_path / "ran").exists()


class Nothing:
    """Broker and sink of scripts that never run."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)
