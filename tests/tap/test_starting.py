"""Each way to start the server, seen from outside its process."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest
from server_process import ANY_PORT, SERVE, TWIST, TWISTD, get, run, running

pytestmark = pytest.mark.process

ways = pytest.mark.parametrize("command", [TWISTD, TWIST, SERVE], ids=["twistd", "twist", "serve"])


@pytest.mark.parametrize(
    ("command", "number"),
    [(TWISTD, signal.SIGTERM), (TWIST, signal.SIGTERM), (SERVE, signal.SIGTERM), (SERVE, signal.SIGINT)],
)
def test_the_folder_is_served_until_a_signal_ends_it(command: tuple[str, ...], number: int, site: Path) -> None:
    with running(*command, "--root", str(site), *ANY_PORT, "--access-log", "off") as server:
        assert server.get()[1].endswith("<h1>Home</h1>")
        assert server.get("hello.py") == (200, "Hello from a script\n")
        output = server.stop(number)
    assert server.process.returncode == -number
    assert "Traceback" not in output


@ways
def test_at_start_it_tells_url_root_and_mode(command: tuple[str, ...], site: Path) -> None:
    with running(*command, "--root", str(site), *ANY_PORT, "--debug", "--log-format", "text") as server:
        assert server.url.startswith("http://127.0.0.1:")
        output = server.stop()
    assert f"Serving {site} at {server.url}\n" in output
    assert "Debug mode" in output


def test_without_debug_it_tells_that_visitors_see_no_errors(site: Path) -> None:
    with running(*SERVE, "--root", str(site), *ANY_PORT) as server:
        assert "Public mode" in server.stop()


def test_it_listens_at_every_endpoint(site: Path, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with running(*SERVE, "--root", str(site), *ANY_PORT, *ANY_PORT, "--listen", f"unix:{path}") as server:
        first, second, third = server.urls
        assert get(first)[0] == get(second)[0] == 200
        assert third == f"unix:{path}"
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
            assert client.makefile().readline() == "HTTP/1.1 200 OK\n"


def test_the_console_command_writes_no_file_where_it_is_started(site: Path, tmp_path: Path) -> None:
    place = tmp_path / "empty"
    place.mkdir()
    with running(*SERVE, "--root", str(site), *ANY_PORT, cwd=place) as server:
        server.get()
        server.stop()
    assert list(place.iterdir()) == []


@ways
def test_a_port_in_use_is_told_in_one_line(command: tuple[str, ...], site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
        ended = run(*command, "--root", str(site), "--listen", endpoint)
    (line,) = (ended.stdout + ended.stderr).splitlines()
    assert ended.returncode == 1
    assert f"cannot listen on {endpoint}: Address already in use" in line


@ways
@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("--sessions", "sqlite:/proc/no/sessions.db", "sessions: "),
        (
            "--access-log",
            "/proc/no/access.log",
            "access_log: /proc/no/access.log: No such file or directory",
        ),
    ],
    ids=["sessions", "access log"],
)
def test_what_cannot_be_written_is_told_in_one_line(
    command: tuple[str, ...], option: str, value: str, problem: str, site: Path
) -> None:
    ended = run(*command, "--root", str(site), *ANY_PORT, option, value)
    (line,) = [
        line for line in (ended.stdout + ended.stderr).splitlines() if " Port " not in line and " on " not in line
    ]
    assert ended.returncode == 1
    assert problem in line
