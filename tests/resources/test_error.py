from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import os
import re
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_twisted
from problem_site import BROWSER, ProblemSite, answering
from twisted.internet import reactor, threads
from twisted.internet.defer import Deferred
from twisted.web.http import Request
from twisted.web.server import NOT_DONE_YET

from twistedsite.origins.interface import Entry, GoneError, Kind
from twistedsite.resources.site.error import HttpProblem, send_problem
from twistedsite.resources.site.own_pages import OWN_PAGE_LIMIT
from twistedsite.scripts.messages.failure import FailureReport, FrameReport

REPORT = FailureReport(
    "KeyError",
    "'melon'",
    [FrameReport("shop.py", 3, "<module>", True, [(2, "a = 1"), (3, "b['melon']")], [("b", "{'x': '<i>'}")])],
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ProblemSite]:
    with answering(tmp_path, reactor) as problems:
        yield problems


def own_page(site: ProblemSite, name: str, text: str) -> str:
    path = site.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return text


@pytest_twisted.ensureDeferred
async def test_a_browser_gets_a_page_that_says_what_failed_and_what_to_do(site: ProblemSite) -> None:
    answer = await site.ask(accept=BROWSER)
    page = answer.body.decode()
    assert answer.status == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["vary"] == "Accept"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<h1>Not Found</h1>" in page
    assert "There is nothing at this address." in page
    assert "Check the address" in page


@pytest_twisted.ensureDeferred
async def test_the_policy_of_a_page_allows_its_own_style_and_nothing_else(site: ProblemSite) -> None:
    answer = await site.ask(accept=BROWSER)
    style = re.search(r"<style>(.*?)</style>", answer.body.decode(), re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = answer.headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert f"style-src 'sha256-{digest}'" in policy


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("accept", ["*/*", "image/png", "text/plain"])
async def test_a_program_gets_a_few_lines_of_text(site: ProblemSite, accept: str) -> None:
    answer = await site.ask(accept=accept)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.body.decode().startswith("404 Not Found\n\nThere is nothing at this address.\n")


@pytest_twisted.ensureDeferred
async def test_who_names_json_gets_problem_details(site: ProblemSite) -> None:
    site.fails_with(HttpProblem(413, 'The file "a" is too large.'))
    answer = await site.ask(accept="application/json")
    assert answer.headers["content-type"] == "application/problem+json"
    assert msgspec.json.decode(answer.body) == {
        "type": "about:blank",
        "title": "Content Too Large",
        "status": 413,
        "detail": 'The file "a" is too large.',
    }


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("accept", [BROWSER, "application/json", "*/*"])
async def test_a_fault_of_the_server_has_a_reference_to_quote(site: ProblemSite, accept: str) -> None:
    problem = HttpProblem(500)
    site.fails_with(problem)
    assert re.fullmatch("[0-9a-f]{8}", problem.reference)
    assert problem.reference != HttpProblem(500).reference
    assert problem.reference in (await site.ask(accept=accept)).body.decode()


def test_a_fault_of_the_visitor_has_no_reference() -> None:
    assert HttpProblem(404).reference == ""


@pytest_twisted.ensureDeferred
async def test_head_gets_the_length_and_no_content(site: ProblemSite) -> None:
    whole = await site.ask(accept=BROWSER)
    head = await site.ask(method="HEAD", accept=BROWSER)
    assert (head.status, head.body) == (404, b"")
    assert head.headers["content-length"] == whole.headers["content-length"] == str(len(whole.body))


@pytest_twisted.ensureDeferred
async def test_header_fields_of_the_problem_are_sent(site: ProblemSite) -> None:
    site.fails_with(HttpProblem(405, headers={b"allow": b"GET, HEAD"}))
    answer = await site.ask(method="DELETE")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest_twisted.ensureDeferred
async def test_the_folders_header_fields_are_sent_but_an_error_is_never_kept(site: ProblemSite) -> None:
    site.say(headers={"X-Frame-Options": "DENY", "Cache-Control": "max-age=9999", "Content-Length": "3"})
    answer = await site.ask(accept=BROWSER)
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-length"] == str(len(answer.body))


@pytest_twisted.ensureDeferred
async def test_what_was_said_of_the_lost_answer_is_taken_back(site: ProblemSite) -> None:
    def prepare(request: Request) -> None:
        request.setHeader(b"content-length", b"100000")
        request.setHeader(b"content-encoding", b"gzip")
        request.setHeader(b"content-range", b"bytes 0-1/2")
        request.setHeader(b"last-modified", b"Mon, 01 Jan 2024 00:00:00 GMT")
        request.setETag(b'"abc"')
        request.addCookie(b"a", b"b")

    site.fails_with(HttpProblem(500), prepare)
    answer = await site.ask(accept=BROWSER)
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers.keys().isdisjoint({"content-encoding", "content-range", "last-modified", "etag"})
    assert answer.headers["set-cookie"] == "a=b"


@pytest_twisted.ensureDeferred
async def test_what_a_visitor_sent_is_escaped(site: ProblemSite) -> None:
    site.fails_with(HttpProblem(404, "no <script> \udcff here"))
    page = (await site.ask(accept=BROWSER)).body.decode()
    assert "no &lt;script&gt; ? here" in page
    assert (await site.ask(accept="application/json")).status == 404


@pytest_twisted.ensureDeferred
async def test_a_sites_own_pages_are_taken_from_the_settings_then_from_errors(site: ProblemSite) -> None:
    group = own_page(site, "_errors/4xx.html", "<p>something")
    assert (await site.ask(accept=BROWSER)).body.decode() == group
    exact = own_page(site, "_errors/404.html", "<p>lost")
    assert (await site.ask(accept=BROWSER)).body.decode() == exact
    named = own_page(site, "pages/lost.html", "<p>quite lost")
    site.say(errors={"404": "/pages/lost.html"})
    answer = await site.ask(accept=BROWSER)
    assert (answer.status, answer.body.decode()) == (404, named)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "content-security-policy" not in answer.headers
    assert (await site.ask(accept="*/*")).body.startswith(b"404 Not Found\n")


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("place", ["/nothing.html", "/../secret.html", "/lost.py", "//", "/folder.html", "/fifo.html"])
async def test_an_own_page_that_cannot_be_shown_leaves_the_built_in_one(site: ProblemSite, place: str) -> None:
    (site.root.parent / "secret.html").write_text("secret")
    (site.root / "lost.py").write_text("secret")
    (site.root / "folder.html").mkdir()
    os.mkfifo(site.root / "fifo.html")
    site.say(errors={"404": place})
    answer = await site.ask(accept=BROWSER)
    assert (answer.status, b"<h1>Not Found</h1>" in answer.body) == (404, True)


@pytest_twisted.ensureDeferred
async def test_an_own_page_that_is_too_long_leaves_the_built_in_one(site: ProblemSite) -> None:
    own_page(site, "_errors/404.html", "x" * OWN_PAGE_LIMIT)
    assert len((await site.ask(accept=BROWSER)).body) == OWN_PAGE_LIMIT
    own_page(site, "_errors/404.html", "x" * (OWN_PAGE_LIMIT + 1))
    assert b"<h1>Not Found</h1>" in (await site.ask(accept=BROWSER)).body


class FarOrigin:
    """Answers later, or fails."""

    def __init__(self, page: bytes | Exception) -> None:
        self.page = page
        self.reading: Deferred[bytes] = Deferred()

    def lookup_many(self, paths: Sequence[tuple[str, ...]]) -> Deferred[list[Entry]]:
        later: Deferred[list[Entry]] = Deferred()
        reactor.callLater(0, later.callback, [Entry(path, Kind.FILE) for path in paths])
        return later

    def read(self, entry: Entry, limit: int) -> Deferred[bytes]:
        if isinstance(self.page, Exception):
            raise self.page
        reactor.callLater(0, self.reading.callback, self.page)
        return self.reading


@pytest_twisted.ensureDeferred
async def test_an_own_page_may_come_from_far_away(site: ProblemSite) -> None:
    site.lies_in(FarOrigin(b"<p>from afar"))
    assert (await site.ask(accept=BROWSER)).body == b"<p>from afar"


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("fault", [GoneError("404.html"), OSError(5, "broken disk")])
async def test_an_origin_that_fails_leaves_the_built_in_page(site: ProblemSite, fault: Exception) -> None:
    site.lies_in(FarOrigin(fault))
    answer = await site.ask(accept=BROWSER)
    assert (answer.status, b"<h1>Not Found</h1>" in answer.body) == (404, True)


@pytest_twisted.ensureDeferred
async def test_a_stranger_sees_nothing_of_the_failure(site: ProblemSite) -> None:
    site.fails_with(HttpProblem(500, report=REPORT))
    for accept in (BROWSER, "application/json", "*/*"):
        answer = await site.ask(accept=accept)
        assert answer.status == 500
        assert b"melon" not in answer.body
        assert b"shop.py" not in answer.body


@pytest_twisted.ensureDeferred
async def test_debug_shows_where_it_failed_before_the_sites_own_page(site: ProblemSite) -> None:
    own_page(site, "_errors/500.html", "<p>sorry")
    site.say(debug=True)
    site.fails_with(HttpProblem(500, report=REPORT))
    answer = await site.ask(accept=BROWSER)
    page = answer.body.decode()
    assert answer.status == 500
    assert "KeyError" in page
    assert "shop.py</code>, line 3" in page
    assert "{&#39;x&#39;: &#39;&lt;i&gt;&#39;}" in page
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert msgspec.json.decode((await site.ask(accept="application/json")).body)["traceback"][-1] == "KeyError: 'melon'"
    assert "line 3, in <module>" in (await site.ask(accept="*/*")).body.decode()


@pytest_twisted.ensureDeferred
async def test_the_debug_page_redacts_the_secrets_of_the_request(site: ProblemSite) -> None:
    site.say(debug=True)
    site.fails_with(HttpProblem(500, report=REPORT))
    answer = await site.ask(
        "/shop?article=apple&token=s3cret",
        accept=BROWSER,
        authorization="Bearer s3cret",
        cookie="sessionId=s3cret",
        x_api_key="s3cret",
        referer="http://here/login?password=s3cret",
    )
    page = answer.body.decode()
    assert "s3cret" not in page
    assert "/shop?article=apple&amp;token=(redacted)" in page


@pytest_twisted.ensureDeferred
async def test_the_debug_page_shows_the_form(site: ProblemSite) -> None:
    site.say(debug=True)
    site.fails_with(HttpProblem(500, report=REPORT))

    def post() -> str:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)) as connection:
            fields = {"Accept": BROWSER, "Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", "/", b"name=Ann+Miller&password=s3cret", fields)
            return connection.getresponse().read().decode()

    page = await threads.deferToThread(post)
    assert "Ann Miller" in page
    assert "s3cret" not in page


@pytest_twisted.ensureDeferred
async def test_an_answer_that_has_begun_never_looks_complete(site: ProblemSite) -> None:
    site.fails_with(HttpProblem(500), lambda request: request.write(b"<p>the first half"))
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        await site.ask()


@pytest_twisted.ensureDeferred
async def test_a_client_that_goes_while_its_page_is_fetched_costs_nothing(site: ProblemSite) -> None:
    own_page(site, "_errors/404.html", "<p>lost")
    asked: Deferred[Request] = Deferred()
    found: Deferred[list[None]] = Deferred()

    class SlowOrigin:
        def lookup_many(self, paths: Sequence[tuple[str, ...]]) -> Deferred[list[None]]:
            return found

    def render(request: Request) -> int:
        asked.callback(request)
        return NOT_DONE_YET

    site.lies_in(SlowOrigin())
    site.render = render
    client = socket.create_connection(("127.0.0.1", site.port))
    client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nAccept: text/html\r\n\r\n")
    request: Any = await asked
    gone: Deferred[None] = Deferred()
    request.notifyFinish().addErrback(lambda _: gone.callback(None))
    send_problem(request, HttpProblem(404), site.site, site.folder)
    client.close()
    await gone
    found.callback([None, None])
    assert not request.startedWriting
    send_problem(request, HttpProblem(404), site.site, site.folder)
    assert not request.startedWriting
