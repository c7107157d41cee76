"""Server, zygote, workers: whichever of them dies, at whatever moment, nothing stays behind and the rest goes on."""

from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from descriptors import open_descriptors
from processes import children, ended, is_zombie
from server_process import ANY_PORT, SERVE, running
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from twistedsite.scripts.runners.workers.server.spawner import Spawner

pytestmark = pytest.mark.process


async def spinning(site: Any, tmp_path: Path) -> tuple[Deferred[Any], int, int]:
    """Ask for a script that spins; return its answer to come, its process and the zygote's."""
    os.mkfifo(tmp_path / "pids")
    answer = Deferred.fromCoroutine(site.get("/spin"))
    pids = await deferToThread((tmp_path / "pids").read_text)
    worker, zygote = map(int, pids.split())
    return answer, worker, zygote


@pytest.fixture
def spin(write: Any, tmp_path: Path) -> None:
    """A script that tells its process ids by a FIFO, and then spins."""
    write(
        "spin.py",
        f"""
        import os
        with open({str(tmp_path / "pids")!r}, "w") as file:
            print(os.getpid(), os.getppid(), file=file)
        while True:
            pass
        """,
    )


CRASHES = {
    "kill": "import os\nos.kill(os.getpid(), 9)",
    "exit": "import os\nos._exit(3)",
    "abort": "import os\nos.abort()",
    "segfault": "import ctypes\nctypes.string_at(1)",
    "closed socket": "import os\nos.close(3)\nwhile True: pass",
    "recursion in C": "import ctypes\nctypes.PyDLL(None).abort()",
}


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("how", CRASHES)
async def test_a_script_that_takes_its_process_down_is_answered_502(write: Any, serve: Any, how: str) -> None:
    write("crash.py", CRASHES[how])
    write("well.py", "print('well')")
    async with serve() as site:
        assert (await site.get("/crash")).status == 502
        assert (await site.get("/well")).text == "well\n"


@pytest_twisted.ensureDeferred
async def test_memory_is_bounded_and_running_out_of_it_is_the_scripts_error(write: Any, serve: Any) -> None:
    write("greedy.py", "x = bytearray(10**10)")
    async with serve(debug=True) as site:
        answer = await site.get("/greedy")
    assert answer.status == 500
    assert "MemoryError" in answer.text


@pytest_twisted.ensureDeferred
async def test_a_worker_killed_in_the_middle_of_an_answer_breaks_it_off(write: Any, serve: Any) -> None:
    write("half.py", "import os\nprint('half', flush=True)\nos.kill(os.getpid(), 9)")
    async with serve() as site:
        connection = await site.connect()
        connection.send(b"GET /half HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = await connection.everything()
    assert b"half" in answer
    assert not answer.endswith(b"0\r\n\r\n")


@pytest_twisted.ensureDeferred
async def test_an_idle_worker_that_is_killed_is_replaced(write: Any, serve: Any) -> None:
    write("pid.py", "import os\nprint(os.getpid())")
    async with serve() as site:
        first = int((await site.get("/pid")).text)
        os.kill(first, signal.SIGKILL)
        await ended(first)
        second = await site.get("/pid")
    assert second.status == 200
    assert int(second.text) != first


@pytest_twisted.ensureDeferred
async def test_nobody_is_left_a_zombie(write: Any, serve: Any) -> None:
    write("crash.py", "import os\nos._exit(0)")
    write("zygote.py", "import os\nprint(os.getppid())")
    async with serve() as site:
        await gatherResults([Deferred.fromCoroutine(site.get("/crash")) for _ in range(5)])
        zygote = int((await site.get("/zygote")).text)
        assert [child for child in children(zygote) if is_zombie(child)] == []
    await ended(zygote)
    assert zygote not in children(os.getpid())


@pytest_twisted.ensureDeferred
async def test_what_a_script_leaves_running_is_ended_with_its_worker(write: Any, serve: Any) -> None:
    write(
        "fork.py",
        """
        import os, sys, time
        read, write = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.write(write, b"%d" % os.getpid())
                time.sleep(1000)
            os._exit(0)
        os.wait()
        print(int(os.read(read, 20)), os.getpid())
        """,
    )
    async with serve(sandbox="off", workers={"reuse": "per-request"}) as site:
        orphan, worker = map(int, (await site.get("/fork")).text.split())
        await ended(worker)
        await ended(orphan)


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("spin")
async def test_a_zygote_that_is_killed_takes_its_workers_along_and_is_replaced(
    write: Any, serve: Any, tmp_path: Path
) -> None:
    write("well.py", "print('well')")
    async with serve(sandbox="off") as site:
        answer, worker, zygote = await spinning(site, tmp_path)
        os.kill(zygote, signal.SIGKILL)
        assert (await answer).status == 502
        await ended(zygote)
        await ended(worker)
        assert (await site.get("/well")).text == "well\n"


@pytest_twisted.ensureDeferred
async def test_a_zygote_that_is_killed_while_nothing_runs_is_replaced(write: Any, serve: Any) -> None:
    write("zygote.py", "import os\nprint(os.getppid())")
    async with serve() as site:
        first = int((await site.get("/zygote")).text)
        os.kill(first, signal.SIGKILL)
        await ended(first)
        second = await site.get("/zygote")
    assert second.status == 200
    assert int(second.text) != first


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_waited_for_a_worker_of_a_killed_zygote_runs(write: Any, serve: Any, method: str) -> None:
    write("zygote.py", "import os\nprint(os.getppid())")
    async with serve(workers={"reuse": "per-request"}) as site:
        zygote = int((await site.get("/zygote")).text)
        os.kill(zygote, signal.SIGSTOP)
        connection = await site.connect()
        connection.send(
            method.encode() + b" /zygote HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        # Once a page that needs no script is there, the request above has been handed to the zygote.
        await site.get("/nothing")
        os.kill(zygote, signal.SIGKILL)
        assert (await connection.everything()).startswith(b"HTTP/1.1 200 ")


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("spin")
async def test_a_worker_that_is_killed_from_outside_is_answered_502(serve: Any, tmp_path: Path) -> None:
    async with serve(sandbox="off") as site:
        answer, worker, _ = await spinning(site, tmp_path)
        os.kill(worker, signal.SIGKILL)
        assert (await answer).status == 502


@pytest_twisted.ensureDeferred
@pytest.mark.usefixtures("spin")
async def test_a_server_that_stops_stops_its_scripts(serve: Any, tmp_path: Path) -> None:
    async with serve(sandbox="off") as site:
        answer, worker, zygote = await spinning(site, tmp_path)
        answer.addErrback(lambda _: None)
    await ended(worker)
    await ended(zygote)
    await answer


@pytest.mark.usefixtures("spin")
@pytest.mark.parametrize("busy", [False, True])
@pytest_twisted.ensureDeferred
async def test_a_server_that_is_killed_leaves_no_process_behind(write: Any, tmp_path: Path, busy: bool) -> None:
    write("pids.py", "import os\nprint(os.getpid(), os.getppid())")
    with running(
        *SERVE, "--root", str(tmp_path / "site"), "--isolation", "workers", "--sandbox", "off", *ANY_PORT
    ) as server:
        if busy:
            os.mkfifo(tmp_path / "pids")
            asking = deferToThread(server.get, "spin")
            asking.addErrback(lambda _: None)
            pids = await deferToThread((tmp_path / "pids").read_text)
        else:
            pids = (await deferToThread(server.get, "pids"))[1]
        server.process.kill()
        for pid in map(int, pids.split()):
            await ended(pid)
        if busy:
            await asking


def test_a_zygote_that_cannot_be_started_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", full)
    nothing: Any = None
    before = open_descriptors()
    with pytest.raises(OSError, match="temporarily unavailable"):
        Spawner(nothing, "off")
    assert open_descriptors() == before


def test_a_server_that_is_killed_at_once_leaves_no_zygote_behind(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    with running(*SERVE, "--root", str(tmp_path / "site"), "--isolation", "workers", *ANY_PORT) as server:
        zygotes = children(server.process.pid)
        watches = [os.pidfd_open(pid) for pid in zygotes]
        server.process.kill()
        for watch in watches:
            poll = select.poll()
            poll.register(watch, select.POLLIN)
            assert poll.poll(10_000)
            os.close(watch)
    assert len(zygotes) == 1
