"""Slow clients by the hundred, idle ones by the thousand, and no descriptors left: good clients are served."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.quiet

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
GOOD_CLIENTS = 4
ATTACK_SECONDS = 6
ATTACKS = {
    "slow headers": ["-H", "-i", "1", "-x", "24"],
    "slow body": ["-B", "-i", "1", "-x", "10", "-s", "8192"],
    "slow read": ["-X", "-n", "1", "-w", "10", "-y", "20", "-z", "32", "-k", "3"],
    "ranges": ["-R", "-a", "10", "-b", "3000"],
}
UNNOTICED = 0.05
"""Seconds of processor time that the server may use for others while a good client waits: how busy the machine is
otherwise makes no difference to it."""
NOT_STUCK = 2.0
"""Seconds that a good client waits at most, on a busy machine too: a server that waited for slow clients would do so
for longer, and use no processor."""


class Server(NamedTuple):
    port: int
    pid: int

    @property
    def cpu(self) -> float:
        """Seconds of processor time used so far."""
        return time.clock_gettime(~self.pid << 3 | 2)  # as clock_getcpuclockid(3) tells

    @property
    def memory(self) -> int:
        """Bytes of resident memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.fixture
def descriptors() -> int:
    return 10_000


@pytest.fixture
def server(descriptors: int) -> Iterator[Server]:
    command = [sys.executable, str(Path(__file__).with_name("attacked_server.py")), str(descriptors)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Server(int(process.stdout.readline()), process.pid)
        process.terminate()


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def ask(client: socket.socket) -> bytes:
    """Send a request, and return its answer."""
    client.sendall(GET)
    received = b""
    while not received.endswith(b"hello"):
        piece = client.recv(4096)
        if not piece:
            raise ConnectionError(repr(received))
        received += piece
    return received


def p99(server: Server, until: threading.Event) -> tuple[float, float]:
    """What good clients wait for an answer until `until`, and what processor time the server uses meanwhile.

    In seconds; of each the 99th percentile.
    """
    waits: list[float] = []
    used: list[float] = []

    def visit() -> None:
        with connect(server) as client:
            while not until.is_set():
                began, before = time.perf_counter(), server.cpu
                ask(client)
                used.append(server.cpu - before)
                waits.append(time.perf_counter() - began)
                until.wait(0.005)

    visitors = [threading.Thread(target=visit) for _ in range(GOOD_CLIENTS)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    return sorted(waits)[int(len(waits) * 0.99)], sorted(used)[int(len(used) * 0.99)]


@pytest.mark.parametrize("mode", ATTACKS)
def test_good_clients_notice_little_of_500_slow_ones(mode: str, server: Server) -> None:
    path = "big" if mode == "slow read" else ""
    url = f"http://127.0.0.1:{server.port}/{path}"
    common = ["-c", "500", "-r", "250", "-l", str(ATTACK_SECONDS), "-p", "2", "-u", url]
    done = threading.Event()

    def attack() -> None:
        try:
            subprocess.run(["slowhttptest", *ATTACKS[mode], *common], stdout=subprocess.DEVNULL, check=True)
        finally:
            done.set()

    attacker = threading.Thread(target=attack)
    attacker.start()
    waited, used = p99(server, done)
    attacker.join()
    assert used < UNNOTICED
    assert waited < NOT_STUCK


def test_5000_idle_connections_cost_little(server: Server) -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    with connect(server) as good:
        ask(good)
        before = server.memory
        idle = [connect(server) for _ in range(5000)]
        for client in idle:
            ask(client)
        grown = (server.memory - before) / len(idle)
        used = server.cpu
        for _ in range(100):
            ask(good)
        assert server.cpu - used < 0.5
        for client in idle:
            client.close()
        assert grown < 12 * 1024


@pytest.mark.parametrize("descriptors", [64])
def test_a_server_without_descriptors_recovers(server: Server) -> None:
    with connect(server) as good:
        ask(good)
        crowd = [connect(server) for _ in range(200)]
        cpu = server.cpu
        for _ in range(50):
            ask(good)
        quiet = threading.Event()
        quiet.wait(1)
        assert server.cpu - cpu < 0.5
        for client in crowd:
            client.close()
    answered = False
    for _ in range(100):
        try:
            with connect(server) as late:
                answered = bool(ask(late))
            break
        except (ConnectionError, TimeoutError):
            quiet.wait(0.05)
    assert answered
