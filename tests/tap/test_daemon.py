"""`twistd` as a daemon: its pidfile, its log file, its user."""

from __future__ import annotations

import os
import pwd
import select
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_process import ANY_PORT, BIN, TWISTD, get, run, running

pytestmark = pytest.mark.process


class Daemon:
    """How to start one, and where it keeps its files."""

    def __init__(self, folder: Path) -> None:
        self.pidfile = folder / "server.pid"
        self.log = folder / "server.log"
        self.command = (str(BIN / "twistd"), f"--pidfile={self.pidfile}", f"--logfile={self.log}", "scriptsite")

    @property
    def url(self) -> str:
        """What it serves, by its log."""
        (line,) = [line for line in self.log.read_text().splitlines() if "Serving" in line]
        return line.split(" at ")[1]

    def signal(self, number: int) -> None:
        """Signal it."""
        os.kill(int(self.pidfile.read_text()), number)

    def end(self, number: int) -> None:
        """Signal it and wait for its end."""
        process = os.pidfd_open(int(self.pidfile.read_text()))
        try:
            signal.pidfd_send_signal(process, number)
            assert select.select([process], [], [], 10)[0]
        finally:
            os.close(process)

    def wait_until_gone(self) -> None:
        """Wait for the end of a daemon that could not start: it tells so before it cleans up."""
        try:
            process = os.pidfd_open(int(self.pidfile.read_text()))
        except (FileNotFoundError, ProcessLookupError):
            return
        with os.fdopen(process, "rb", buffering=0):
            assert select.select([process], [], [], 10)[0]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path)
    yield daemon
    if daemon.pidfile.exists():
        daemon.end(signal.SIGKILL)


def test_a_daemon_serves_and_ends_cleanly(daemon: Daemon, site: Path) -> None:
    started = run(*daemon.command, "--root", str(site), *ANY_PORT)
    assert (started.returncode, started.stdout, started.stderr) == (0, "", "")
    assert get(daemon.url)[0] == 200
    daemon.end(signal.SIGTERM)
    assert not daemon.pidfile.exists()
    assert "Traceback" not in daemon.log.read_text()


def test_a_daemon_that_cannot_listen_says_so_and_leaves_no_pidfile(daemon: Daemon, site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        started = run(*daemon.command, "--root", str(site), "--listen", f"tcp:{port}:interface=127.0.0.1")
    assert started.returncode == 1
    assert f"cannot listen on tcp:{port}" in started.stderr
    daemon.wait_until_gone()
    assert not daemon.pidfile.exists()
    (line,) = daemon.log.read_text().splitlines()
    assert line.endswith("Address already in use; say with --listen where else")


def test_a_log_file_that_was_moved_away_is_begun_anew(daemon: Daemon, site: Path, tmp_path: Path) -> None:
    run(*daemon.command, "--root", str(site), *ANY_PORT)
    url = daemon.url
    daemon.log.rename(tmp_path / "yesterday.log")
    assert get(url + "fail.py")[0] == 500
    assert "RuntimeError" in daemon.log.read_text()
    assert "RuntimeError" not in (tmp_path / "yesterday.log").read_text()


def test_sigusr1_begins_a_new_log_file(daemon: Daemon, site: Path) -> None:
    run(*daemon.command, "--root", str(site), *ANY_PORT)
    url = daemon.url
    daemon.signal(signal.SIGUSR1)
    assert get(url + "fail.py")[0] == 500
    assert "RuntimeError" in daemon.log.read_text()
    assert "Serving" in daemon.log.with_name("server.log.1").read_text()


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every user of this machine can enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_the_port_is_bound_before_privileges_are_shed_and_all_else_after(public_folder: Path) -> None:
    (public_folder / "site").mkdir()
    (public_folder / "site" / "who.py").write_text("import os\nSession().seen = True\nprint(os.getuid(), os.getgid())")
    (public_folder / "state").mkdir()
    user, switch, port = pwd.getpwuid(os.getuid()), [], 0
    if os.getuid() == 0:
        user = pwd.getpwnam("nobody")
        switch = [f"--uid={user.pw_uid}", f"--gid={user.pw_gid}"]
        port = _free_privileged_port()
        os.chown(public_folder / "state", user.pw_uid, user.pw_gid)
    database = public_folder / "state" / "sessions.db"
    command = [*TWISTD[:-1], *switch, "scriptsite", "--root", str(public_folder / "site")]
    endpoint = f"tcp:{port}:interface=127.0.0.1"
    with running(*command, "--listen", endpoint, "--sessions", f"sqlite:{database}") as server:
        assert server.get("who.py")[1].split() == [str(user.pw_uid), str(user.pw_gid)]
        assert database.stat().st_uid == user.pw_uid
        server.stop()


def _free_privileged_port() -> int:
    for port in range(700, 1024):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError("no port below 1024 is free")
