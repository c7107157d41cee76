"""A script that does not end is killed: its client is told in time, its owner is shown the line, neighbours go on."""

from __future__ import annotations

import time
from typing import Any

import pytest
import pytest_twisted
from processes import ended
from twisted.internet.defer import Deferred

from twistedsite.scripts.runners.workers import job

HANGING = {
    "a loop": "while True: pass",
    "a loop that catches everything": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "a loop in finally": "try:\n    1 / 0\nfinally:\n    while True: pass",
    "a sleep": "import time\ntime.sleep(1000)",
    "a regular expression": "import re\nre.match('(a+)+$', 'a' * 50 + 'b')",
    "a big power": "print(len(str(3 ** 3 ** 15)))",
    "a lock": "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
    "a socket": "import socket\na, b = socket.socketpair()\na.recv(1)",
    "ignored signals": (
        "import signal\n"
        "for n in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(n, signal.SIG_IGN)\n"
        "while True: pass"
    ),
    "blocked signals": (
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\nwhile True: pass"
    ),
    "a stopped process": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    "endless slow output": "import time\nwhile True:\n    print('x', flush=True)\n    time.sleep(0.02)",
    "endless errors": "import sys\nwhile True: print('x' * 1000, file=sys.stderr)",
    "a call into C": "import ctypes\nctypes.PyDLL(None).sleep(1000)",
    "threads that spin": (
        "import threading\ndef spin():\n    while True: pass\n"
        "threads = [threading.Thread(target=spin) for _ in range(3)]\n"
        "for thread in threads: thread.start()\nfor thread in threads: thread.join()"
    ),
}


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("how", HANGING)
async def test_however_a_script_hangs_its_client_is_told_by_the_deadline(
    write: Any, serve: Any, impatient: str, how: str
) -> None:
    write(f"{impatient}/hang.py", "import os\n" + HANGING[how])
    write("well.py", "print('well')")
    async with serve() as site:
        began = time.monotonic()
        connection = await site.connect()
        connection.send(b"GET /impatient/hang HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = await connection.everything()
        took = time.monotonic() - began
        # What has been sent cannot be taken back: then the answer breaks off, and its last chunk is missing.
        assert answer.startswith(b"HTTP/1.1 504 ") or not answer.endswith(b"0\r\n\r\n")
        assert took < 2
        assert (await site.get("/well")).text == "well\n"


@pytest_twisted.ensureDeferred
async def test_neighbours_go_on_while_a_script_hangs(write: Any, serve: Any) -> None:
    write("hang.py", "while True: pass")
    write("well.py", "print('well')")
    async with serve() as site:
        connection = await site.connect()
        connection.send(b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n")
        assert [(await site.get("/well")).text for _ in range(10)] == ["well\n"] * 10
        assert connection.received == b""
        await connection.close()


@pytest_twisted.ensureDeferred
async def test_the_killed_process_is_gone(write: Any, serve: Any, impatient: str, tmp_path: Any) -> None:
    write(
        f"{impatient}/hang.py",
        f"import os\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\nwhile True: pass",
    )
    async with serve(sandbox="off") as site:
        assert (await site.get("/impatient/hang")).status == 504
        await ended(int((tmp_path / "pid").read_text()))


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
    write: Any, serve: Any, impatient: str, line: str
) -> None:
    write(f"{impatient}/hang.py", f"def deeper(fruit):\n    {line}\ndeeper('quin' + 'ce')")
    async with serve(debug=True) as site:
        page = await site.get("/impatient/hang", headers={"Accept": "text/html"})
    assert page.status == 504
    assert "deeper" in page.text
    assert "quince" in page.text


@pytest_twisted.ensureDeferred
async def test_the_line_is_shown_even_where_the_interpreter_never_gets_its_turn(
    write: Any, serve: Any, impatient: str
) -> None:
    write(
        f"{impatient}/hang.py",
        "import ctypes\ndef deeper():\n    ctypes.PyDLL(None).usleep(50_000_000)\nwhile True: deeper()",
    )
    async with serve(debug=True) as site:
        page = await site.get("/impatient/hang", headers={"Accept": "text/plain"})
    assert page.status == 504
    assert 'File "impatient/hang.py", line 3, in deeper' in page.text


@pytest_twisted.ensureDeferred
async def test_a_slow_client_does_not_use_up_the_scripts_time(write: Any, serve: Any, impatient: str) -> None:
    write(
        f"{impatient}/long.py",
        "import sys\nfor n in range(160): sys.stdout.write('x' * 50_000)\nsys.stdout.write('end')",
    )
    async with serve(workers={"output": "100K"}) as site:
        connection = await site.connect()
        connection.send(b"GET /impatient/long HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await connection.until(b"xxx")
        connection.pause()
        waited: Deferred[None] = Deferred()
        from twisted.internet import reactor

        reactor.callLater(1.5, waited.callback, None)  # type: ignore[attr-defined]  # the module is the reactor
        await waited
        connection.resume()
        assert (await connection.everything()).endswith(b"end\r\n0\r\n\r\n")


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
