"""The limits of the settings hold on a real server, while a request still arrives."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from server_process import ANY_PORT, SERVE, Server, running

pytestmark = pytest.mark.process

LONG = 10_000_000
MORE = b"x" * 300_000


def answer_to(server: Server, content_type: str, start_of_body: bytes, length: int = LONG) -> str:
    """Send the head of a POST and the start of its body; return the status line that comes all the same."""
    place = urlsplit(server.url)
    fields = f"Host: {place.netloc}\r\nContent-Type: {content_type}\r\nContent-Length: {length}"
    head = f"POST /form.py HTTP/1.1\r\n{fields}\r\n\r\n"
    with socket.create_connection((place.hostname, place.port), timeout=10) as client:
        client.sendall(head.encode() + start_of_body)
        return client.makefile().readline().strip()


@pytest.fixture
def forms(tmp_path: Path) -> Path:
    """A settings file with tight limits, for a site with a script that reads a form."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "form.py").write_text("print(len(form))")
    settings = tmp_path / "s.toml"
    settings.write_text("root = 'site'\nmax_body = '16M'\n[forms]\nfields = 2\nfield_size = '1K'\n")
    return settings


def part(name: str, value: bytes) -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name.encode(), value)


@pytest.mark.parametrize(
    ("content_type", "start_of_body"),
    [
        ("multipart/form-data; boundary=b", part("a", b"1") * 3 + MORE),
        ("multipart/form-data; boundary=b", part("a", b"x" * 3000) + MORE),
        ("application/x-www-form-urlencoded", b"a=1&b=2&c=3&d=4&"),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 3000),
    ],
    ids=["many parts", "long part", "many fields", "long field"],
)
def test_a_form_beyond_its_limits_is_refused_while_it_still_arrives(
    content_type: str, start_of_body: bytes, forms: Path
) -> None:
    with running(*SERVE, "--settings", str(forms), *ANY_PORT) as server:
        assert answer_to(server, content_type, start_of_body).startswith("HTTP/1.1 413 ")


def test_a_body_longer_than_the_limit_is_refused_at_once(forms: Path) -> None:
    with running(*SERVE, "--settings", str(forms), *ANY_PORT, "--max-body", "1M") as server:
        assert answer_to(server, "text/plain", b"").startswith("HTTP/1.1 413 ")


def test_a_form_without_a_boundary_is_a_bad_request(forms: Path) -> None:
    with running(*SERVE, "--settings", str(forms), *ANY_PORT) as server:
        assert answer_to(server, "multipart/form-data", b"abc", 3).startswith("HTTP/1.1 400 ")


def test_a_form_within_its_limits_is_read(forms: Path) -> None:
    body = part("a", b"1") + part("b", b"2") + b"--b--\r\n"
    with running(*SERVE, "--settings", str(forms), *ANY_PORT) as server:
        assert answer_to(server, "multipart/form-data; boundary=b", body, len(body)) == "HTTP/1.1 200 OK"


@pytest.mark.parametrize(("connections", "soft", "lowered"), [(10_000, 512, True), (100, 406, False)])
def test_connections_are_as_many_as_descriptors_allow(forms: Path, connections: int, soft: int, lowered: bool) -> None:
    forms.write_text(f"root = 'site'\nhttp.connections = {connections}\n")
    limited = ("bash", "-c", 'ulimit -S -n 256; ulimit -H -n 512; exec "$@"', "limited")
    with running(*limited, *SERVE, "--settings", str(forms), *ANY_PORT) as server:
        limits = Path(f"/proc/{server.process.pid}/limits").read_text()
        log = server.stop()
    assert re.search(rf"Max open files\s+{soft}\s", limits)
    assert ("enough for 170 connections, not for 10000: http.connections is lowered" in log) is lowered
