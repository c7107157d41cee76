"""Many sites, few places for processes: all are answered, and there are never more processes than places."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from server_process import ANY_PORT, SERVE, Server, running

pytestmark = pytest.mark.quiet

SITES = 500
REQUESTS = 10
PLACES = 16
FOREVER = 300
CLIENTS = 20
"""Sites that are asked at the same time: more than there are places."""


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def counting(zygote: int) -> Iterator[list[int]]:
    """Numbers of workers that were seen, for the length of a `with` block."""
    seen: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.01):
            seen.append(len(children(zygote)))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def ask(server: Server, number: int) -> list[str]:
    """What a site says to ten requests at once."""
    asking = f"GET /who HTTP/1.1\r\nHost: site{number}.example.org\r\nConnection: close\r\n\r\n".encode()
    port = int(server.url.rstrip("/").rpartition(":")[2])
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port), FOREVER)) for _ in range(REQUESTS)]
        for client in clients:
            client.sendall(asking)
        return [client.makefile("rb").read().decode().rpartition("\r\n\r\n")[2].strip() for client in clients]


def test_five_hundred_sites_stay_within_their_places_and_all_answer(tmp_path: Path) -> None:
    # How fast this machine is just now is nobody's fault.
    settings = f'timeout = "{FOREVER}s"\n[http]\nhandler_time = "{FOREVER}s"\n[workers]\ntotal = {PLACES}\n'
    for number in range(SITES):
        root = tmp_path / f"site{number}"
        root.mkdir()
        (root / "who.py").write_text(f"print('I am site{number}')\n")
        settings += f'[sites.site{number}]\nhosts = ["site{number}.example.org"]\nroot = "site{number}"\n'
    (tmp_path / "server.toml").write_text(settings)
    with running(*SERVE, "--settings", str(tmp_path / "server.toml"), *ANY_PORT, "--access-log", "off") as server:
        (zygote,) = children(server.process.pid)
        reader = ThreadPoolExecutor(1)
        assert server.process.stdout is not None
        output = reader.submit(server.process.stdout.read)  # or else what it logs could fill the pipe, and it waits
        with counting(zygote) as seen, ThreadPoolExecutor(CLIENTS) as clients:
            answers = list(clients.map(lambda number: ask(server, number), range(SITES)))
        server.process.terminate()
        logged = output.result()
        reader.shutdown()
    assert answers == [[f"I am site{number}"] * REQUESTS for number in range(SITES)]
    assert 1 < max(seen) <= PLACES
    assert "Traceback" not in logged
