"""HTTP/2 over TLS, by curl and by h2 itself: what HTTP/1 serves and refuses, it does too."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_twisted
from certificates import self_signed
from twisted.internet.endpoints import serverFromString
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource
from twisted.web.server import Request

from twistedsite.http.access_log import AccessLog
from twistedsite.http.connection.body import ContentLimits
from twistedsite.http.site import Site
from twistedsite.settings.server import HttpLimits

# Twisted itself hands pyOpenSSL objects to pyOpenSSL.
pytestmark = [pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning"), pytest.mark.process]


class Echo(Resource):
    isLeaf = True

    def render(self, request: Request) -> bytes:
        if request.path == b"/big":
            return b"x" * 500_000
        if request.path == b"/a":
            request.authenticated = "ann"
        return b"<%b %b %b>" % (request.clientproto, request.uri, request.content.read())


class Secure(NamedTuple):
    site: Site
    port: int
    folder: Path


@pytest.fixture(params=[True])
def secure(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Secure]:
    from twisted.internet import reactor

    pem = tmp_path / "server.pem"
    pem.write_bytes(self_signed("localhost"))
    log = AccessLog(str(tmp_path / "log"), reactor)  # type: ignore[arg-type]  # mypy's reactor has no threads
    site = Site(
        Echo(),
        limits=HttpLimits(),
        content_limits=ContentLimits(1000).for_any,
        reactor=reactor,
        access_log=log,
        http2=request.param,
    )
    endpoint = serverFromString(reactor, f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}")
    port: Any = pytest_twisted.blockon(endpoint.listen(site))
    yield Secure(site, port.getHost().port, tmp_path)
    pytest_twisted.blockon(port.stopListening())
    pytest_twisted.blockon(site.drain(0))
    log.close()


async def curl(secure: Secure, path: str, *options: str) -> str:
    """Return curl's output: version, status and content."""
    command = [
        "curl", "--silent", "--insecure", "--http2", "--path-as-is", "--max-time", "10",
        "--write-out", "[%{http_version} %{http_code}]", *options, f"https://127.0.0.1:{secure.port}{path}",
    ]  # fmt: skip
    done = await deferToThread(subprocess.run, command, capture_output=True, text=True, check=False)
    return str(done.stdout)


@pytest_twisted.ensureDeferred
async def test_get_and_post(secure: Secure) -> None:
    assert await curl(secure, "/a?b") == "<HTTP/2 /a?b >[2 200]"
    assert await curl(secure, "/", "--data", "hello") == "<HTTP/2 / hello>[2 200]"
    assert (await curl(secure, "/big")).endswith("x[2 200]")
    log = secure.site._log._access_log
    assert log is not None
    log.close()
    first, second, _ = (secure.folder / "log").read_text().splitlines()
    assert first.startswith("127.0.0.1 - ann [")
    assert '"GET /a?b HTTP/2" 200 ' in first
    assert second.startswith("127.0.0.1 - - [")


@pytest_twisted.ensureDeferred
async def test_content_beyond_the_limit_is_refused(secure: Secure) -> None:
    assert (await curl(secure, "/", "--data", "x" * 1001)).endswith("[2 413]")
    (secure.folder / "large").write_bytes(b"x" * 1001)
    endless = ("--upload-file", str(secure.folder / "large"), "--header", "Content-Length:")
    assert (await curl(secure, "/", *endless)).endswith("[2 413]")


@pytest_twisted.ensureDeferred
async def test_what_http_1_refuses_is_refused(secure: Secure) -> None:
    assert (await curl(secure, "/a%00b")).endswith("[2 400]")
    assert (await curl(secure, "/", "--request", "FROB")).endswith("[2 501]")
    assert (await curl(secure, "/", "--header", "Host: a b/c")).endswith("[2 400]")
    many = [option for number in range(150) for option in ("--header", f"X-{number}: y")]
    assert (await curl(secure, "/", *many)).endswith("[2 431]")


@pytest_twisted.ensureDeferred
async def test_clients_may_stay_with_http_1(secure: Secure) -> None:
    assert await curl(secure, "/", "--http1.1") == "<HTTP/1.1 / >[1.1 200]"


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("secure", [False], indirect=True)
async def test_it_is_off_unless_asked_for(secure: Secure) -> None:
    assert await curl(secure, "/") == "<HTTP/1.1 / >[1.1 200]"
