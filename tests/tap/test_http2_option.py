"""`--http2` on a real server, as curl and a load generator see it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from certificates import self_signed
from server_process import SERVE, Server, running

pytestmark = pytest.mark.process

PROTOCOL = "%{http_version} %{http_code}"


def tls_server(folder: Path, *options: str) -> tuple[str, ...]:
    (folder / "site").mkdir()
    (folder / "site" / "hello.py").write_text("print('hello', form['name'], end='')")
    pem = folder / "server.pem"
    pem.write_bytes(self_signed("localhost"))
    listen = f"ssl:0:privateKey={pem}:certKey={pem}:interface=127.0.0.1"
    return (*SERVE, "--root", str(folder / "site"), "--listen", listen, "--access-log", "off", *options)


def curl(url: str) -> str:
    command = ["curl", "--silent", "--insecure", "--http2", "--max-time", "10", "--write-out", "\n" + PROTOCOL, url]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def http2_server(tmp_path: Path) -> Iterator[Server]:
    with running(*tls_server(tmp_path, "--http2")) as server:
        yield server


def test_curl_speaks_http2_to_a_server_that_offers_it(http2_server: Server) -> None:
    assert curl(http2_server.url + "hello.py?name=Ann") == "hello Ann\n2 200"


def test_without_the_option_the_same_client_gets_http_1_1(tmp_path: Path) -> None:
    with running(*tls_server(tmp_path)) as server:
        assert curl(server.url + "hello.py?name=Ann") == "hello Ann\n1.1 200"


def test_a_load_of_many_streams_is_answered_without_a_failure(http2_server: Server) -> None:
    command = ["h2load", "-n", "500", "-c", "5", "-m", "10", http2_server.url + "hello.py?name=Ann"]
    report = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "500 succeeded, 0 failed, 0 errored, 0 timeout" in report
    assert "status codes: 500 2xx" in report
