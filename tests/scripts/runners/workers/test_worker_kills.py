"""`kill -9` of server, zygote or worker at each moment of a request: no process, zombie, lock or folder is left."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import server_process
from processes import children, is_zombie
from server_process import ANY_PORT, PATIENCE, SERVE, Server, clean_environment, running

pytestmark = pytest.mark.process

TELL = """
import os
def here():
    with open({fifo!r}, "w") as file:
        print(os.getpid(), os.getppid(), file=file)
"""
SPIN = "import tell\ntell.here()\nwhile True: pass\n"
SCRIPTS = {
    "before": SPIN,
    "streaming": "print('on', flush=True)\n" + SPIN,
    "session": "Session().seen = True\n" + SPIN,
    "body": "import tell\ntell.here()\nlen(body)\nwhile True: pass\n",
    "blocked": "import tell\nprint('x' * 100_000, flush=True)\ntell.here()\nwhile True: print('x' * 100_000)\n",
    "finishing": "import tell, atexit, time\nprint('all', flush=True)\ntell.here()\ntime.sleep(1000)\n",
    "idle": "import tell\ntell.here()\n",
}
"""What the script that is at work at the time of the kill does. The one of `idle` has ended then."""
PHASES = list(SCRIPTS)
MIB = 1024 * 1024


class Place(NamedTuple):
    """A server and its surroundings."""

    server: Server
    fifo: Path
    temporary: Path

    @property
    def scratch(self) -> list[str]:
        """The temporary folders that servers have made."""
        return sorted(path.name for path in self.temporary.iterdir() if path.name.startswith("scriptsite-"))

    def begin(self, phase: str) -> tuple[socket.socket, int, int]:
        """Ask for the script of `phase`, wait until it is there; the connection, the worker and its zygote."""
        port = int(self.server.url.rstrip("/").rpartition(":")[2])
        client = socket.create_connection(("127.0.0.1", port), PATIENCE)
        content = b"x" * MIB if phase == "body" else b""
        method = b"POST" if content else b"GET"
        client.sendall(
            b"%s /%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            % (method, phase.encode(), len(content))
            + content
        )
        worker, zygote = map(int, self._told().split())
        return client, worker, zygote

    def _told(self) -> bytes:
        """What the script writes into the FIFO: not waited for without end, as the server may have died."""
        reader = os.open(self.fifo, os.O_RDONLY | os.O_NONBLOCK)
        try:
            assert select.select([reader], [], [], PATIENCE)[0]
            return os.read(reader, 100)
        finally:
            os.close(reader)


def wait_until(what: Callable[[], object]) -> None:
    """Return when `what()` is true."""
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def has_ended(pidfd: int) -> bool:
    try:
        return bool(select.select([pidfd], [], [], PATIENCE)[0])
    finally:
        os.close(pidfd)


def descriptors(pid: int) -> Counter[str]:
    """What the process has open, without the numbers of sockets and pipes."""
    found: Counter[str] = Counter()
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found[os.readlink(f"/proc/{pid}/fd/{descriptor}").partition("[")[0]] += 1
    return found


def received(client: socket.socket) -> bytes:
    """All that comes; an answer that breaks off ends by a reset."""
    answer = b""
    with client, contextlib.suppress(ConnectionResetError):
        while piece := client.recv(MIB):
            answer += piece
    return answer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site, a FIFO by which its scripts tell where they are, a folder for what is temporary."""
    folder = tmp_path_factory.mktemp("kills")
    (folder / "site").mkdir()
    os.mkfifo(folder / "fifo")
    (folder / "site" / "tell.py").write_text(TELL.format(fifo=str(folder / "fifo")))
    for name, script in SCRIPTS.items():
        (folder / "site" / f"{name}.py").write_text(script)
    (folder / "site" / "well.py").write_text("print('well')\n")
    (folder / "site" / "visits.py").write_text("s = Session()\ns.n = getattr(s, 'n', 0) + 1\nprint(s.n)\n")
    (folder / "server.toml").write_text(
        "root = 'site'\nisolation = 'workers'\nsandbox = 'off'\naccess_log = 'off'\ndrain = '0s'\n"
        "[workers]\nmax_workers = 1\noutput = '100K'\nspool = '100K'\n"
    )
    return folder


def serve(folder: Path, name: str) -> Iterator[Place]:
    """A server whose temporary folders are in `name`."""
    (folder / name).mkdir(exist_ok=True)
    environ = clean_environment(TMPDIR=str(folder / name))
    with running(*SERVE, "--settings", str(folder / "server.toml"), *ANY_PORT, env=environ) as server:
        yield Place(server, folder / "fifo", folder / name)


@pytest.fixture(scope="module")
def place(folder: Path) -> Iterator[Place]:
    """For many tests, so it may take longer than one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server_process, "PATIENCE", 10 * PATIENCE)
        yield from serve(folder, "of-many")


@pytest.fixture
def short_lived(folder: Path) -> Iterator[Place]:
    yield from serve(folder, "of-two")


@pytest.mark.parametrize("victim", ["worker", "zygote"])
@pytest.mark.parametrize("phase", PHASES)
def test_a_killed_process_is_reaped_and_replaced(place: Place, phase: str, victim: str) -> None:
    server = place.server.process.pid
    assert place.server.get("well") == (200, "well\n")
    before = descriptors(server)
    client, worker, zygote = place.begin(phase)
    if phase == "idle":
        received(client)
    ends = [os.pidfd_open(pid) for pid in ([worker] if victim == "worker" else [worker, zygote])]
    os.kill(worker if victim == "worker" else zygote, signal.SIGKILL)
    assert [has_ended(end) for end in ends] == [True] * len(ends)
    answer = b"" if phase == "idle" else received(client)
    if phase in ("before", "session", "body"):
        assert answer.startswith(b"HTTP/1.1 502 ")
    elif phase != "idle":
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert not answer.endswith(b"0\r\n\r\n")
    assert place.server.get("well") == (200, "well\n")
    wait_until(lambda: len(children(server)) == 1)
    (heir,) = children(server)
    assert (heir == zygote) is (victim == "worker")
    wait_until(lambda: len(children(heir)) == 1)
    assert not is_zombie(children(heir)[0])
    wait_until(lambda: not descriptors(server) - before)
    (scratch,) = place.scratch
    wait_until(lambda: sum(path.is_dir() for path in (place.temporary / scratch).iterdir()) == 1)


def test_a_session_that_was_held_is_free_again(place: Place) -> None:
    first = place.server.get("visits")
    assert first == (200, "1\n")
    client, worker, _ = place.begin("session")
    os.kill(worker, signal.SIGKILL)
    received(client)
    assert place.server.get("visits") == (200, "1\n")


@pytest.mark.parametrize("phase", ["before", "streaming", "blocked"])
def test_a_client_that_goes_away_has_its_script_killed(place: Place, phase: str) -> None:
    client, worker, _ = place.begin(phase)
    end = os.pidfd_open(worker)
    client.close()
    assert has_ended(end)


def test_a_killed_server_takes_all_along_and_the_next_one_tidies_up(folder: Path) -> None:
    left: set[str] = set()
    for phase in PHASES:
        for place in serve(folder, "of-killed"):
            client, worker, zygote = place.begin(phase)
            assert place.server.process.poll() is None
            while left & set(place.scratch):
                assert place.server.process.poll() is None, "it has not tidied up"
                time.sleep(0.01)
            left = set(place.scratch)
            ends = [os.pidfd_open(pid) for pid in (worker, zygote)]
            place.server.process.kill()
            assert [has_ended(end) for end in ends] == [True, True], phase
            client.close()


def test_a_living_servers_folder_is_not_swept_away_by_another(short_lived: Place, folder: Path) -> None:
    short_lived.server.get("well")
    ours = short_lived.scratch
    for other in serve(folder, "of-two"):
        assert other.server.get("well") == (200, "well\n")
        assert set(ours) < set(other.scratch)
    assert short_lived.server.get("well") == (200, "well\n")
    assert set(ours) <= set(short_lived.scratch)
