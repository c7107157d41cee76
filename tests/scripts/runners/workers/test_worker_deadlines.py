"""A script that does not end is killed, and its owner is shown the line. `test_hangs` has every way to hang."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
import pytest_twisted
from jobs import SAYS_SO
from processes import ended
from twisted.internet.defer import Deferred

from twistedsite.scripts.runners.workers.server import job

pytestmark = pytest.mark.process


@pytest_twisted.ensureDeferred
async def test_the_killed_process_is_gone(write: Any, serve: Any, hung: Any) -> None:
    write("pid.py", "import os\nprint(os.getpid())")
    write("impatient/hang.py", f"{SAYS_SO}\nwhile True: pass")
    async with serve(workers={"max_workers": 1}) as site:
        pid = int((await site.get("/pid")).text)
        assert (await hung(site)).status == 504
        await ended(pid)


@pytest_twisted.ensureDeferred
async def test_the_next_script_need_not_wait_for_a_worker_that_does_not_tell_where_it_stands(
    write: Any, serve: Any, impatient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "STACK_LATE", 3600.0)
    write(f"{impatient}/hang.py", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)")
    write("well.py", "print('well')")
    async with serve(workers={"max_workers": 1}) as site:
        assert (await site.get("/impatient/hang")).status == 504
        assert (await site.get("/well")).text == "well\n"
        assert (await site.get("/impatient/hang")).status == 504
        assert (await site.get("/well")).text == "well\n"


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    "line", ["while True: pass", "import re; re.match('(a+)+$', 'a' * 50 + 'b')", "import time; time.sleep(1000)"]
)
async def test_the_line_that_hung_is_shown_with_its_variables(
    write: Any, serve: Any, hung: Any, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    # A worker that has no turn just now tells later where it stands.
    monkeypatch.setattr(job, "STACK_WAIT_DEBUG", 30.0)
    write("impatient/hang.py", f"def deeper(fruit):\n    {SAYS_SO}\n    {line}\ndeeper('quin' + 'ce')")
    async with serve(debug=True) as site:
        page = await hung(site, headers={"Accept": "text/html"})
    assert page.status == 504
    assert "deeper" in page.text
    assert "quince" in page.text


@pytest_twisted.ensureDeferred
async def test_the_line_is_shown_even_where_the_interpreter_never_gets_its_turn(
    write: Any, serve: Any, hung: Any
) -> None:
    write(
        "impatient/hang.py",
        f"import ctypes\ndef deeper():\n    {SAYS_SO}; ctypes.PyDLL(None).usleep(50_000_000)\nwhile True: deeper()",
    )
    async with serve(debug=True) as site:
        page = await hung(site, headers={"Accept": "text/plain"})
    assert page.status == 504
    assert 'File "impatient/hang.py", line 3, in deeper' in page.text


@pytest_twisted.ensureDeferred
async def test_a_slow_client_does_not_use_up_the_scripts_time(write: Any, serve: Any) -> None:
    write("brief/_folder.toml", "timeout = '1s'")
    write(
        "brief/long.py",
        "import sys\nfor n in range(160): sys.stdout.write('x' * 50_000)\nsys.stdout.write('end')",
    )
    async with serve(workers={"output": "100K"}) as site:
        connection = await site.connect()
        connection.send(b"GET /brief/long HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await connection.until(b"xxx")
        connection.pause()
        waited: Deferred[None] = Deferred()
        from twisted.internet import reactor

        reactor.callLater(1.5, waited.callback, None)
        await waited
        connection.resume()
        assert (await connection.everything()).endswith(b"end\r\n0\r\n\r\n")


@pytest_twisted.ensureDeferred
async def test_the_start_of_a_process_does_not_use_up_the_scripts_time(write: Any, serve: Any) -> None:
    write("zygote.py", "import os\nprint(os.getppid())")
    write("brief/_folder.toml", "timeout = '3s'")
    write("brief/nap.py", "import time\ntime.sleep(1.5)\nprint('well')")
    async with serve(workers={"reuse": "per-request"}) as site:
        zygote = int((await site.get("/zygote")).text)
        os.kill(zygote, signal.SIGSTOP)
        from twisted.internet import reactor

        # Most of the time is over before there is a process, which then has less left than it takes.
        reactor.callLater(2.5, os.kill, zygote, signal.SIGCONT)
        page = await site.get("/brief/nap")
    assert (page.status, page.text) == (200, "well\n")


@pytest_twisted.ensureDeferred
async def test_a_client_that_goes_away_kills_its_script(write: Any, serve: Any) -> None:
    write("slow.py", "import os\nprint('process', os.getpid(), 'here', flush=True)\nwhile True: pass")
    async with serve() as site:
        connection = await site.connect()
        connection.send(b"GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = await connection.until(b"here")
        pid = int(answer.split()[-2])
        await connection.close()
        await ended(pid)


@pytest_twisted.ensureDeferred
async def test_who_waits_for_a_worker_too_long_is_told_to_come_back(write: Any, serve: Any, impatient: str) -> None:
    write("hang.py", "while True: pass")
    write(f"{impatient}/well.py", "print('well')")
    async with serve(workers={"max_workers": 1}) as site:
        connection = await site.connect()
        connection.send(b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n")
        answers = [await site.get("/impatient/well") for _ in range(2)]
        await connection.close()
    assert [answer.status for answer in answers] == [503, 503]
    assert all(answer.headers["retry-after"] for answer in answers)
