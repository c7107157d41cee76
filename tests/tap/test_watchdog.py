"""A server that a script has frozen: its watchdog tells where, ends it, and leaves every other server in peace."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from server_process import ANY_PORT, BIN, SERVE, Server, get, run, running

pytestmark = pytest.mark.process

FREEZE = "import re\ndef backtrack():\n    re.match('(a+)+$', 'a' * 60 + 'b')\nbacktrack()\n"
WATCHED = ("--watchdog", "1s", *ANY_PORT)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    root.mkdir()
    (root / "freeze.py").write_text(FREEZE)
    (root / "well.py").write_text("print('well')")
    return root


def ask_in_vain(url: str) -> None:
    """Ask for a page whose server will die of it."""
    with contextlib.suppress(OSError):
        get(url)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def watcher_of(server: Server) -> int:
    """The watchdog's process; waits until it is there."""
    return wait_for(lambda: next(iter(children(server.process.pid)), 0))


def wait_for(what: Callable[[], int]) -> int:
    """What `what` tells when that is not 0."""
    end = time.monotonic() + 20
    while not (found := what()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


@contextlib.contextmanager
def watched_end(pid: int) -> Iterator[Callable[[], None]]:
    """Yields what waits for the end of the process `pid`."""
    pidfd = os.pidfd_open(pid)
    try:
        yield lambda: select.select([pidfd], [], [], 20)[0] != [] or pytest.fail(f"{pid} goes on")
    finally:
        os.close(pidfd)


def test_a_frozen_server_is_ended_and_its_log_shows_the_line(site: Path) -> None:
    with running(*SERVE, "--root", str(site), *WATCHED) as server:
        asking = threading.Thread(target=ask_in_vain, args=(server.url + "freeze.py",))
        with watched_end(watcher_of(server)) as watcher_ends:
            asking.start()
            assert server.process.stdout is not None
            log = server.process.stdout.read()
            assert server.process.wait(20) == -signal.SIGABRT
            watcher_ends()
        asking.join()
    assert "critical: the reactor has stood still for 1 s: the server is ended" in log
    assert f'File "{site}/freeze.py", line 3 in backtrack' in log
    assert f'File "{site}/freeze.py", line 4 in <module>' in log
    assert "twisted/internet" in log
    (head,) = [line for line in log.splitlines() if "critical" in line]
    after = log.partition(head)[2].strip("\n").splitlines()
    assert all(line.startswith("    ") for line in after if line)


def test_a_log_of_json_lines_stays_one(site: Path) -> None:
    with running(*SERVE, "--root", str(site), *WATCHED, "--log-format", "json", "--access-log", "off") as server:
        asking = threading.Thread(target=ask_in_vain, args=(server.url + "freeze.py",))
        asking.start()
        assert server.process.stdout is not None
        lines = [json.loads(line) for line in server.process.stdout]
        asking.join()
    (event,) = [line for line in lines if line["level"] == "critical"]
    assert "in backtrack" in event["message"]


def test_a_frozen_daemon_leaves_the_line_in_its_log_file(site: Path, tmp_path: Path) -> None:
    log, pidfile = tmp_path / "server.log", tmp_path / "server.pid"
    command = (str(BIN / "twistd"), f"--pidfile={pidfile}", f"--logfile={log}", "scriptsite", "--root", str(site))
    assert run(*command, *WATCHED).returncode == 0
    (line,) = [line for line in log.read_text().splitlines() if "Serving" in line]
    with watched_end(int(pidfile.read_text())) as server_ends:
        ask_in_vain(line.split(" at ")[1].strip() + "freeze.py")
        server_ends()
    assert f'File "{site}/freeze.py", line 3 in backtrack' in log.read_text()


def test_a_server_whose_scripts_only_hang_is_left_in_peace(site: Path) -> None:
    (site / "loop.py").write_text("while True: pass")
    with running(*SERVE, "--root", str(site), "--watchdog", "1s", "--timeout", "3s", *ANY_PORT) as server:
        watcher = watcher_of(server)
        assert server.get("loop.py")[0] == 504
        assert server.get("well.py") == (200, "well\n")
        assert children(server.process.pid) == [watcher]


def test_a_server_that_somebody_stops_for_a_while_is_left_in_peace(site: Path) -> None:
    with running(*SERVE, "--root", str(site), "--watchdog", "500ms", *ANY_PORT) as server:
        watcher_of(server)
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(1.5)  # as long as the watchdog would need to act: what must not happen cannot be waited for
        server.process.send_signal(signal.SIGCONT)
        assert server.get("well.py") == (200, "well\n")


def test_a_watchdog_that_dies_is_replaced(site: Path) -> None:
    with running(*SERVE, "--root", str(site), *WATCHED) as server:
        first = watcher_of(server)
        os.kill(first, signal.SIGKILL)
        second = wait_for(lambda: next((pid for pid in children(server.process.pid) if pid != first), 0))
        asking = threading.Thread(target=ask_in_vain, args=(server.url + "freeze.py",))
        asking.start()
        assert server.process.stdout is not None
        assert "stood still" in server.process.stdout.read()
        asking.join()
    assert second


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_watchdog_ends_with_its_server(site: Path, number: int) -> None:
    with running(*SERVE, "--root", str(site), *WATCHED) as server, watched_end(watcher_of(server)) as watcher_ends:
        assert "stood still" not in server.stop(number)
        watcher_ends()


def test_without_the_option_nothing_watches(site: Path) -> None:
    with running(*SERVE, "--root", str(site), *ANY_PORT) as server:
        assert server.get("well.py")[0] == 200
        assert children(server.process.pid) == []


def test_a_time_that_is_too_short_is_refused(site: Path) -> None:
    ended = run(*SERVE, "--root", str(site), "--watchdog", "20ms")
    assert ended.returncode == 1
    assert "expected 0, or 500ms at least" in ended.stderr


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """The value of NOTIFY_SOCKET, and the service manager's end of it."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@twistedsite-{os.getpid()}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
        ours.bind(name.replace("@", "\0", 1))
        ours.settimeout(20)
        yield name, ours


def test_the_service_manager_is_told_when_the_server_is_ready_alive_and_stopping(
    site: Path, manager: tuple[str, socket.socket]
) -> None:
    name, ours = manager
    environ = {**os.environ, "NOTIFY_SOCKET": name, "WATCHDOG_USEC": "400000"}
    with running(*SERVE, "--root", str(site), *ANY_PORT, env=environ) as server:
        told = [ours.recv(100)]
        assert server.get("well.py")[0] == 200
        while told.count(b"WATCHDOG=1") < 3 or b"READY=1" not in told:
            told.append(ours.recv(100))
        server.process.send_signal(signal.SIGTERM)
        while told[-1] != b"STOPPING=1":
            told.append(ours.recv(100))
    assert set(told) == {b"READY=1", b"WATCHDOG=1", b"STOPPING=1"}
    assert told.count(b"READY=1") == 1


def test_a_frozen_server_gives_no_sign_of_life(site: Path, manager: tuple[str, socket.socket]) -> None:
    name, ours = manager
    environ = {**os.environ, "NOTIFY_SOCKET": name, "WATCHDOG_USEC": "200000"}
    with running(*SERVE, "--root", str(site), *ANY_PORT, env=environ) as server:
        asking = threading.Thread(target=ask_in_vain, args=(server.url + "freeze.py",))
        asking.start()
        while select.select([ours], [], [], 2)[0]:
            ours.recv(100)  # what has been told before
        server.process.kill()
        asking.join()


def test_signs_of_life_that_are_wanted_from_another_process_are_not_given(
    site: Path, manager: tuple[str, socket.socket]
) -> None:
    name, ours = manager
    environ = {**os.environ, "NOTIFY_SOCKET": name, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": "1"}
    with running(*SERVE, "--root", str(site), *ANY_PORT, env=environ) as server:
        assert ours.recv(100) == b"READY=1"
        server.process.send_signal(signal.SIGTERM)
        assert ours.recv(100) == b"STOPPING=1"


def test_a_service_manager_that_is_not_there_is_only_logged(site: Path, tmp_path: Path) -> None:
    environ = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "nobody"), "WATCHDOG_USEC": "often"}
    with running(*SERVE, "--root", str(site), *ANY_PORT, env=environ) as server:
        assert server.get("well.py")[0] == 200
        assert "warn: the service manager cannot be told READY=1: " in server.stop()
