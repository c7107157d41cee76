"""What the operator may grant to one site, network and programs, and that the site beside it has none of it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_process import ANY_PORT, SERVE, Server, running

pytestmark = pytest.mark.process

SETTINGS = """
[sites.granted]
hosts = ["granted.example.org"]
root = "granted"
workers = { network = true, exec = true }

[sites.plain]
hosts = ["plain.example.org"]
root = "plain"
"""

CONNECT = """
import socket
try:
    print(socket.create_connection(("127.0.0.1", int(form["port"]))).recv(100).decode())
except OSError as error:
    print(type(error).__name__)
"""
UDP = """
import socket
try:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"hello", ("127.0.0.1", int(form["port"])))
    print("sent")
except OSError as error:
    print(type(error).__name__)
"""
LISTEN = """
import socket
try:
    socket.create_server(("127.0.0.1", 0))
    print("listens")
except OSError as error:
    print(type(error).__name__)
"""
PROGRAM = """
import subprocess
try:
    print(subprocess.run(["/bin/echo", "hello"], capture_output=True, text=True).stdout)
except OSError as error:
    print(type(error).__name__)
"""
OUTSIDE = """
import subprocess
try:
    print(subprocess.run(["/bin/cat", "../plain/secret.txt", "/etc/shadow"], capture_output=True, text=True))
except OSError as error:
    print(type(error).__name__)
"""
LEFT_BEHIND = """
import subprocess, time
child = subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True)
print(child.pid)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sites with the same scripts."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "server.toml").write_text(SETTINGS)
    scripts = {
        "connect": CONNECT,
        "udp": UDP,
        "listen": LISTEN,
        "program": PROGRAM,
        "outside": OUTSIDE,
        "left": LEFT_BEHIND,
    }
    for name in ("granted", "plain"):
        (folder / name).mkdir()
        for script, text in scripts.items():
            (folder / name / f"{script}.py").write_text(text)
    (folder / "plain" / "secret.txt").write_text("swordfish")
    return folder


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Server]:
    """It serves them."""
    with running(*SERVE, "--settings", str(place / "server.toml"), *ANY_PORT, "--access-log", "off") as server:
        yield server


def says(server: Server, site: str, path: str) -> str:
    status, text = server.get(path, Host=f"{site}.example.org")
    assert status == 200
    return text.strip()


def test_a_script_connects_where_its_site_has_the_network(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as greeter:

        def greet() -> None:
            connection, _ = greeter.accept()
            with connection:
                connection.sendall(b"welcome")

        thread = threading.Thread(target=greet)
        thread.start()
        path = f"connect?port={greeter.getsockname()[1]}"
        assert says(server, "plain", path) == "PermissionError"
        assert says(server, "granted", path) == "welcome"
        thread.join()


def test_a_datagram_is_sent_where_its_site_has_the_network(server: Server) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        path = f"udp?port={receiver.getsockname()[1]}"
        assert says(server, "plain", path) == "PermissionError"
        assert says(server, "granted", path) == "sent"
        assert receiver.recv(100) == b"hello"


def test_no_grant_lets_a_script_listen(server: Server) -> None:
    assert [says(server, site, "listen") for site in ("plain", "granted")] == ["PermissionError"] * 2


def test_a_program_runs_where_its_site_may_start_them(server: Server) -> None:
    assert says(server, "plain", "program") == "PermissionError"
    assert says(server, "granted", "program") == "hello"


def test_a_program_is_held_as_its_script_is(server: Server) -> None:
    said = says(server, "granted", "outside")
    assert "swordfish" not in said
    assert said.count("Permission denied") == 2


def test_a_program_that_is_left_behind_ends_with_its_worker(place: Path) -> None:
    with running(*SERVE, "--settings", str(place / "server.toml"), *ANY_PORT, "--access-log", "off") as server:
        pid = int(says(server, "granted", "left"))
        assert Path(f"/proc/{pid}").exists()
        server.process.kill()
        server.process.wait()
        pause = threading.Event()
        for _ in range(1000):
            if not _lives(pid):
                break
            pause.wait(0.01)
        assert not _lives(pid)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("grant", ["network = true", "exec = true", "workers = { exec = true }"])
def test_a_folder_cannot_grant_itself_anything(grant: str, place: Path, server: Server) -> None:
    folder = place / "plain" / f"sub-{grant.split()[0]}"
    folder.mkdir(exist_ok=True)
    (folder / "_folder.toml").write_text(grant)
    (folder / "program.py").write_text(PROGRAM)
    assert server.get(f"{folder.name}/program", Host="plain.example.org")[0] == 500
