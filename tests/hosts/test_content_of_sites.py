"""How much may be sent to one site, and what its forms may hold: judged while it arrives, before a site is asked."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from certificates import self_signed
from server_process import ANY_PORT, PATIENCE, SERVE, Server, running

pytestmark = pytest.mark.process

SETTINGS = """
drain = "0s"
max_body = "4K"
forms = { fields = 10 }

[sites.narrow]
hosts = ["narrow.example.org", "*.narrow.example.org", "[::1]"]
root = "narrow"
isolation = "ISOLATION"
max_body = "1K"
forms = { fields = 3, field_size = "100" }

[sites.wide]
hosts = ["wide.example.org", "very.narrow.example.org"]
root = "wide"
isolation = "ISOLATION"
max_body = "1M"
forms = { fields = 100 }

[sites.plain]
hosts = ["plain.example.org"]
root = "plain"
isolation = "ISOLATION"
"""
NARROW = "narrow.example.org"
WIDE = "wide.example.org"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"


class Answer(NamedTuple):
    status: int
    text: str


@pytest.fixture(scope="module", params=["threads", "workers"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three sites, and the settings of a server for them."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "server.toml").write_text(SETTINGS.replace("ISOLATION", request.param))
    for name in ("narrow", "wide", "plain"):
        (folder / name).mkdir()
        (folder / name / "length.py").write_text("print(len(body))")
        (folder / name / "fields.py").write_text("print(len(form.items_all()))")
    return folder


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Server]:
    """It serves them."""
    with running(*SERVE, "--settings", str(place / "server.toml"), *ANY_PORT, "--access-log", "off") as server:
        yield server


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(server.url.rstrip("/").rpartition(":")[2])), PATIENCE)


def asked(server: Server, host: str, *fields: str, path: str = "/length", sent: bytes = b"") -> Answer:
    """The answer to a POST of which only its head and `sent` are sent: the client waits, and does not close."""
    head = "\r\n".join((f"POST {path} HTTP/1.1", f"Host: {host}", "Connection: close", *fields, "", ""))
    with connected(server) as client:
        client.sendall(head.encode() + sent)
        return received(client)


def received(client: socket.socket) -> Answer:
    """What comes until the server closes."""
    head, _, text = client.makefile("rb").read().partition(b"\r\n\r\n")
    return Answer(int(head.split(b" ")[1]), text.decode().strip())


def announced(server: Server, host: str, length: int) -> int:
    """The status of a request that announces `length` bytes, which all come only where they would be taken."""
    return asked(server, host, f"Content-Length: {length}", sent=b"x" * length if length <= 2000 else b"").status


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


def part(name: str, content: str = "1") -> str:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{content}\r\n'


# How long it may be


def test_announced_content_is_refused_before_any_of_it_is_sent(server: Server) -> None:
    answer = asked(server, NARROW, "Content-Length: 1025")
    assert answer == (413, "The content is longer than 1024 bytes.")
    assert asked(server, NARROW, "Content-Length: 1024", sent=b"x" * 1024) == (200, "1024")
    assert asked(server, WIDE, "Content-Length: 1025", sent=b"x" * 1025) == (200, "1025")


def test_chunked_content_is_refused_before_its_end(server: Server) -> None:
    coded, sent = "Transfer-Encoding: chunked", chunk(b"x" * 600) * 2
    assert asked(server, NARROW, coded, sent=sent) == (413, "The content is longer than 1024 bytes.")
    assert asked(server, NARROW, coded, sent=chunk(b"x" * 600) + b"0\r\n\r\n") == (200, "600")
    assert asked(server, WIDE, coded, sent=sent + b"0\r\n\r\n") == (200, "1200")


def test_a_site_may_take_more_than_the_server_does(server: Server) -> None:
    sent = b"x" * 500_000
    assert asked(server, WIDE, "Content-Length: 500000", sent=sent) == (200, "500000")
    assert asked(server, WIDE, "Transfer-Encoding: chunked", sent=chunk(sent) + b"0\r\n\r\n") == (200, "500000")
    assert asked(server, WIDE, "Content-Length: 1048577") == (413, "The content is longer than 1048576 bytes.")


def test_a_site_that_says_nothing_has_the_servers_limit(server: Server) -> None:
    assert asked(server, "plain.example.org", "Content-Length: 2000", sent=b"x" * 2000) == (200, "2000")
    assert asked(server, "plain.example.org", "Content-Length: 4097") == (413, "The content is longer than 4096 bytes.")


def test_who_expects_100_continue_is_told_before_he_sends(server: Server) -> None:
    expecting = ("Expect: 100-continue", "Content-Length: 2000")
    assert asked(server, NARROW, *expecting) == (413, "The content is longer than 1024 bytes.")
    with connected(server) as client:
        head = f"POST /length HTTP/1.1\r\nHost: {WIDE}\r\nConnection: close\r\n" + "\r\n".join((*expecting, "", ""))
        client.sendall(head.encode())
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"x" * 2000)
        assert received(client) == (200, "2000")


@pytest.mark.parametrize(
    "host",
    [
        "narrow.example.org:80",
        "NARROW.Example.org.:8080",
        "www.narrow.example.org",
        "a.b.NARROW.example.org",
        "[::1]",
        "[0:0::0:1]:8080",
    ],
)
def test_every_spelling_of_a_sites_host_has_its_limit(server: Server, host: str) -> None:
    assert announced(server, host, 1025) == 413
    assert announced(server, host, 1024) == 200


def test_a_host_in_full_counts_before_a_wildcard(server: Server) -> None:
    assert announced(server, "Very.narrow.example.org:80", 2000) == 200


@pytest.mark.parametrize("host", ["nobody.example.org", "example.org", "notnarrow.example.org", "[::2]", "192.0.2.1"])
def test_a_host_that_no_site_has_gets_the_servers_limit(server: Server, host: str) -> None:
    assert announced(server, host, 2000) == 404
    assert announced(server, host, 4097) == 413


@pytest.mark.parametrize("host", ["narrow.example.org:x", "narrow.example.org:99999", "a b", "[::1", "narrow/x", ""])
def test_a_malformed_host_is_a_bad_request_as_ever(server: Server, host: str) -> None:
    assert announced(server, host, 2000) == 400


def test_the_authority_of_an_absolute_form_counts_before_the_field(server: Server) -> None:
    for authority, field, status in ((NARROW, WIDE, 413), (WIDE, NARROW, 200)):
        path = f"http://{authority}/length"
        assert asked(server, field, "Content-Length: 1025", path=path, sent=b"x" * 1025).status == status


def test_without_a_host_the_servers_limit_holds(server: Server) -> None:
    for length, status in ((2000, 404), (4097, 413)):
        with connected(server) as client:
            client.sendall(b"POST /length HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % length + b"x" * min(length, 2000))
            assert received(client).status == status


def test_each_request_of_a_connection_is_judged_by_its_own_host(server: Server) -> None:
    content = "Content-Length: 1500\r\n\r\n" + "x" * 1500
    with connected(server) as client:
        for host in (WIDE, "plain.example.org"):
            client.sendall(f"GET /length HTTP/1.1\r\nHost: {NARROW}\r\n\r\n".encode())
            client.sendall(f"POST /length HTTP/1.1\r\nHost: {host}\r\n{content}".encode())
        client.sendall(f"POST /length HTTP/1.1\r\nHost: {NARROW}\r\n{content}".encode())
        answers = client.makefile("rb").read()
    assert answers.count(b"HTTP/1.1 200 ") == 4
    assert answers.count(b"HTTP/1.1 413 ") == 1
    assert b"longer than 1024 bytes" in answers.rpartition(b"HTTP/1.1 ")[2]


def test_no_site_is_made_ready_for_a_request_that_is_refused(place: Path) -> None:
    with running(*SERVE, "--settings", str(place / "server.toml"), *ANY_PORT, "--access-log", "off") as server:
        assert announced(server, NARROW, 1025) == 413
        assert json.loads(server.get(".well-known/scriptsite-health")[1])["sites"] == {}
        assert announced(server, NARROW, 1024) == 200
        assert list(json.loads(server.get(".well-known/scriptsite-health")[1])["sites"]) == ["narrow"]


# What a form may hold


@pytest.mark.parametrize("coding", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (b"a=1&b=2&c=3&d=4&", "The form has more than 3 fields."),
        (b"a=" + b"x" * 200, "A field of the form is longer than 100 bytes."),
    ],
)
def test_an_urlencoded_form_is_refused_while_it_arrives(server: Server, sent: bytes, problem: str, coding: str) -> None:
    so_far = chunk(sent) if "chunked" in coding else sent
    kind = f"Content-Type: {URLENCODED}"
    assert asked(server, NARROW, kind, coding, path="/fields", sent=so_far) == (413, problem)


@pytest.mark.parametrize("coding", ["Content-Length: 900000", "Transfer-Encoding: chunked"])
def test_a_multipart_form_is_refused_while_it_arrives(server: Server, coding: str) -> None:
    sent = b"".join(part(f"f{number}").encode() for number in range(101)) + part("long", "x" * 40_000).encode()
    so_far = chunk(sent) if "chunked" in coding else sent
    answer = asked(server, WIDE, f"Content-Type: {MULTIPART}", coding, path="/fields", sent=so_far)
    assert answer == (413, "The form has more than 100 fields.")


@pytest.mark.parametrize("count", [2, 5, 50])
@pytest.mark.parametrize("kind", [URLENCODED, MULTIPART])
def test_a_script_gets_the_form_that_its_site_takes(server: Server, kind: str, count: int) -> None:
    names = [f"f{number}" for number in range(count)]
    form = "&".join(f"{name}=1" for name in names) if kind == URLENCODED else "".join(map(part, names)) + "--b--\r\n"
    fields = (f"Content-Type: {kind}", f"Content-Length: {len(form)}")
    for host, most in ((NARROW, 3), ("plain.example.org", 10), (WIDE, 100)):
        answer = asked(server, host, *fields, path="/fields", sent=form.encode())
        if len(form) > 1024 and host == NARROW:
            assert answer == (413, "The content is longer than 1024 bytes.")
        elif count > most:
            assert answer == (413, f"The form has more than {most} fields.")
        else:
            assert answer == (200, str(count))


def test_a_query_is_a_form_too(server: Server) -> None:
    query = "fields?" + "&".join(f"f{number}=1" for number in range(50))
    assert server.get(query, Host=WIDE) == (200, "50\n")
    status, text = server.get(query, Host=NARROW)
    assert status == 413
    assert "more than 3 fields" in text
    assert server.get("fields?a=1&b=2&c=3", Host=NARROW) == (200, "3\n")


# By HTTP/2


def test_http2_holds_the_same_limits(place: Path, tmp_path: Path) -> None:
    pem = tmp_path / "server.pem"
    pem.write_bytes(self_signed(NARROW))
    listen = f"ssl:0:privateKey={pem}:certKey={pem}:interface=127.0.0.1"
    options = ("--settings", str(place / "server.toml"), "--listen", listen, "--access-log", "off", "--http2")
    for length in (1024, 2000, 5000):
        (tmp_path / str(length)).write_bytes(b"x" * length)
    with running(*SERVE, *options) as server:
        port = server.url.rstrip("/").rpartition(":")[2]

        def curl(host: str, path: str, *more: str) -> str:
            command = ["curl", "--silent", "--insecure", "--http2", "--write-out", "[%{http_version} %{http_code}]"]
            command += ["--resolve", f"{host}:{port}:127.0.0.1", f"https://{host}:{port}/{path}", *more]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout

        def upload(length: str) -> tuple[str, ...]:
            return ("--request", "POST", "--upload-file", str(tmp_path / length))

        endless = ("--header", "Content-Length:")
        for how in ((), endless):
            assert curl(NARROW, "length", *upload("1024"), *how) == "1024\n[2 200]"
            assert curl(NARROW, "length", *upload("2000"), *how).endswith("longer than 1024 bytes.\n[2 413]")
            assert curl("www.NARROW.example.org", "length", *upload("2000"), *how).endswith("[2 413]")
            assert curl(WIDE, "length", *upload("5000"), *how) == "5000\n[2 200]"
            assert curl("nobody.example.org", "length", *upload("2000"), *how).endswith("[2 404]")
            assert curl("nobody.example.org", "length", *upload("5000"), *how).endswith("[2 413]")
        form = "&".join(f"f{number}=1" for number in range(50))
        assert curl(WIDE, "fields", "--data", form) == "50\n[2 200]"
        assert curl(NARROW, "fields", "--data", form).endswith("more than 3 fields.\n[2 413]")
        # What is no host is no site's: the server's limit holds, and then the request is refused for its host.
        malformed = ("--header", f"Host: {NARROW}:99999")
        assert curl(NARROW, "length", *upload("2000"), *malformed).endswith("[2 400]")
        assert curl(NARROW, "length", *upload("5000"), *malformed).endswith("[2 413]")
