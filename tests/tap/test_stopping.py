"""The end of the server: what is in flight finishes, what hangs does not keep it."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from server_process import ANY_PORT, SERVE, TWISTD, running

pytestmark = pytest.mark.process

STUBBORN = {
    "loop.py": "print('on', flush=True)\nwhile True: pass",
    "sleep.py": "import time\nprint('on', flush=True)\ntime.sleep(3600)",
    "swallow.py": """\
import time
print('on', flush=True)
while True:
    try:
        while True: time.sleep(0.01)
    except BaseException: pass
""",
    "thread.py": """\
import threading, time
threading.Thread(target=time.sleep, args=(3600,), daemon=False).start()
print('on', flush=True)
""",
}


WAITS_FOR_A_FILE = """\
import os, time
print('on', flush=True)
while not os.path.exists({file!r}): time.sleep(0.01)
print('done')
"""


def _ask(url: str, path: str) -> socket.socket:
    """Send a GET and return the connection once a part of the body has come."""
    place = urlsplit(url)
    with contextlib.ExitStack() as unless_it_is_returned:
        client = socket.create_connection((place.hostname, place.port), timeout=20)
        unless_it_is_returned.enter_context(client)
        client.sendall(f"GET /{path} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
        received = b""
        while b"on\n" not in received:
            piece = client.recv(4096)
            assert piece, received
            received += piece
        unless_it_is_returned.pop_all()
    return client


@pytest.mark.parametrize(("command", "number"), [(TWISTD, signal.SIGTERM), (SERVE, signal.SIGINT)])
def test_the_process_ends_soon_after_its_drain_time_whatever_scripts_do(
    command: tuple[str, ...], number: int, tmp_path: Path
) -> None:
    for name, source in STUBBORN.items():
        (tmp_path / name).write_text(source)
    command = (*command, "--root", str(tmp_path), *ANY_PORT, "--drain", "1s")
    with running(*command) as server, contextlib.ExitStack() as clients:
        for name in STUBBORN:
            clients.enter_context(_ask(server.url, name))
        begun = time.monotonic()
        server.stop(number)
        assert 1 <= time.monotonic() - begun < 5
    assert server.process.returncode == -number


def test_a_second_signal_ends_the_process_at_once(tmp_path: Path) -> None:
    (tmp_path / "sleep.py").write_text(STUBBORN["sleep.py"])
    with running(*SERVE, "--root", str(tmp_path), *ANY_PORT, "--drain", "1h") as server, _ask(server.url, "sleep.py"):
        server.process.send_signal(signal.SIGINT)
        place = urlsplit(server.url)
        _until_refused(place.hostname or "", place.port or 0)
        assert "Traceback" not in server.stop(signal.SIGINT)
    assert server.process.returncode == -signal.SIGINT


def _until_refused(host: str, port: int) -> None:
    # Refused once nobody listens; reset where the listener was closed while this very connection waited for it.
    with contextlib.suppress(ConnectionRefusedError, ConnectionResetError):
        while True:
            socket.create_connection((host, port)).close()


def test_a_request_in_flight_is_answered_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "wait.py").write_text(WAITS_FOR_A_FILE.format(file=str(tmp_path / "go")))
    with running(*SERVE, "--root", str(tmp_path), *ANY_PORT, "--drain", "1m") as server:
        with _ask(server.url, "wait.py") as client, client.makefile("rb") as rest:
            server.process.send_signal(signal.SIGTERM)
            place = urlsplit(server.url)
            _until_refused(place.hostname or "", place.port or 0)
            (tmp_path / "go").touch()
            assert b"done" in rest.read()
        server.process.wait(timeout=20)


def test_an_idle_connection_does_not_delay_the_end(site: Path) -> None:
    # Were it waited for, the server would be killed when the test's patience ends.
    with running(*SERVE, "--root", str(site), *ANY_PORT, "--drain", "1h") as server:
        place = urlsplit(server.url)
        with socket.create_connection((place.hostname, place.port)) as client:
            client.sendall(f"GET / HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
            server.stop()
    assert server.process.returncode == -signal.SIGTERM
