from __future__ import annotations

import contextlib
import http.client
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from file_site import FileSite, serving
from twisted.internet import reactor, threads

from twistedsite.origins.local_files import LocalFile

pytestmark = pytest.mark.quiet

SERVER = """
import sys
from pathlib import Path
from file_site import serving
from twisted.internet import reactor
with serving(Path(sys.argv[1]), reactor, engine=sys.argv[2] == "engine") as files:
    print(files.port, flush=True)
    reactor.run()
    reactor.disconnectAll()
"""


@pytest.fixture(params=[False, True], ids=["stock", "engine"])
def files(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[FileSite]:
    with serving(tmp_path, reactor, engine=request.param) as site:
        yield site


@pytest.fixture
def cold_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is in the system's memory: every read takes a thread."""
    monkeypatch.setattr(LocalFile, "read_now", lambda *_: None)


@pytest.mark.usefixtures("cold_disk")
@pytest_twisted.ensureDeferred
async def test_files_on_a_slow_disk_are_read_by_threads(files: FileSite) -> None:
    small, big = files.write("small.bin", os.urandom(1000)), files.write("big.bin", os.urandom(3_000_001))
    assert (await files.ask("/small.bin")).body == small
    assert (await files.ask("/big.bin")).body == big
    assert (await files.ask("/big.bin", range="bytes=7-2000007")).body == big[7:2000008]


@pytest.mark.usefixtures("cold_disk")
@pytest_twisted.ensureDeferred
async def test_slow_readers_pin_no_thread(files: FileSite) -> None:
    content = files.write("big.bin", os.urandom(3_000_000))
    files.write_sparse("endless.bin", 10**10)
    with contextlib.ExitStack() as clients:
        for _ in range(20):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", files.port)))
            client.sendall(b"GET /endless.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            await threads.deferToThread(client.recv, 1)
        assert (await files.ask("/big.bin")).body == content


def memory(pid: int, field: str) -> int:
    """A figure of /proc/PID/status, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(rf"{field}:\s+(\d+) kB", status)
    assert match
    return int(match[1]) * 1024


def download(port: int, path: str) -> int:
    """Read all of `path`, keeping nothing; returns the number of bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    response = connection.getresponse()
    buffer, total = bytearray(1 << 20), 0
    while count := response.readinto(buffer):
        total += count
    connection.close()
    return total


@pytest.mark.parametrize("kind", ["stock", "engine"])
def test_two_gigabytes_add_less_than_4_megabytes_to_the_process(tmp_path: Path, kind: str) -> None:
    with (tmp_path / "huge.bin").open("wb") as file:
        file.truncate(2 * 1024**3)
    (tmp_path / "small.bin").write_bytes(bytes(100_000))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", SERVER, str(tmp_path), kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stdout
            port = int(server.stdout.readline())
            assert download(port, "/small.bin") == 100_000
            before = memory(server.pid, "VmRSS")
            Path(f"/proc/{server.pid}/clear_refs").write_text("5")
            assert download(port, "/huge.bin") == 2 * 1024**3
            assert memory(server.pid, "VmHWM") - before < 4 * 1024**2
        finally:
            server.kill()
