"""The sample portal as a visitor meets it, in headless Chromium, served by a real process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from gated import gated, open_gate
from playwright.sync_api import Browser, Page, expect
from server_process import ANY_PORT, SERVE, Server, running

pytestmark = pytest.mark.browser

PORTAL = Path(__file__).parents[2] / "examples" / "portal"
PAGES = ["", "login.html", "upload.html", "upload.py", "hello.jinja", "letter.tpl?name=Ada&place=London", "files/"]


@pytest.fixture(scope="module")
def portal() -> Iterator[Server]:
    with running(*SERVE, "--root", str(PORTAL), *ANY_PORT, "--debug", "--access-log", "off", patience=300) as server:
        yield server


@pytest.fixture
def page(browser: Browser, portal: Server) -> Iterator[Page]:
    """A visitor's first page; no page may complain on the console or fetch what is not there."""
    complaints: list[str] = []
    with browser.new_context(base_url=portal.url) as context:
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"{message.text} {message.location['url']}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("")
        yield page
    assert [text for text in complaints if not text.endswith("/fail.py")] == []


def log_in(page: Page, name: str) -> None:
    page.get_by_role("link", name="Log in").click()
    page.get_by_label("Your name").fill(name)
    with page.expect_navigation():
        page.get_by_role("button", name="Log in").click()


def test_a_visitor_logs_in_sees_the_name_and_logs_out(page: Page) -> None:
    log_in(page, "Ann <b>Lee</b>")
    expect(page.get_by_role("heading", level=1)).to_have_text("Hello, Ann <b>Lee</b>")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Hello, Ann <b>Lee</b>")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome to the portal")
    expect(page.get_by_role("link", name="Log in")).to_be_visible()


def test_the_session_gets_another_id_at_the_log_in_and_scripts_of_the_page_cannot_read_it(page: Page) -> None:
    log_in(page, "Ann")
    (first,) = page.context.cookies()
    assert (first["name"], first["httpOnly"], first["sameSite"]) == ("sessionId", True, "Lax")
    assert page.evaluate("document.cookie") == ""
    page.goto("login.html")
    page.get_by_label("Your name").fill("Bea")
    with page.expect_navigation():
        page.get_by_role("button", name="Log in").click()
    (second,) = page.context.cookies()
    assert second["value"] != first["value"]


def test_two_visitors_do_not_see_each_other(page: Page, browser: Browser, portal: Server) -> None:
    log_in(page, "Ann")
    with browser.new_context(base_url=portal.url) as other:
        page_of_other = other.new_page()
        page_of_other.goto("")
        expect(page_of_other.get_by_role("heading", level=1)).to_have_text("Welcome to the portal")


def test_uploaded_files_are_described(page: Page) -> None:
    content = "Grüße\n".encode() * 50_000
    page.get_by_role("link", name="Upload", exact=True).click()
    page.get_by_label("A file").set_input_files({"name": "grüße.txt", "mimeType": "text/plain", "buffer": content})
    page.get_by_label("Another one").set_input_files({"name": "empty.bin", "mimeType": "image/x-none", "buffer": b""})
    page.get_by_label("Comment").fill("two <files>")
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("2 files received")
    expect(page.get_by_text("two <files>")).to_be_visible()
    first, second = page.get_by_role("table").all()
    expect(first).to_contain_text("grüße.txt")
    expect(first).to_contain_text("text/plain")
    expect(first).to_contain_text(f"{len(content):,} bytes")
    expect(first).to_contain_text(hashlib.sha256(content).hexdigest())
    expect(second).to_contain_text("image/x-none")
    expect(second).to_contain_text("0 bytes")


def test_an_upload_of_one_file_is_enough(page: Page) -> None:
    page.goto("upload.html")
    page.get_by_label("A file").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"a"})
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 file received")


def test_in_debug_a_failing_script_shows_where_and_why(page: Page) -> None:
    page.get_by_role("link", name="A script that fails").click()
    expect(page.get_by_text("KeyError").first).to_be_visible()
    expect(page.get_by_text("fail.py").first).to_be_visible()
    expect(page.get_by_text("total += prices[fruit] * count").first).to_be_visible()
    expect(page.get_by_text("'banana'").first).to_be_visible()


def test_a_streaming_page_is_shown_while_it_is_still_made(browser: Browser, tmp_path: Path) -> None:
    site = gated(PORTAL, tmp_path / "portal", "time.sleep(0.4)")
    with running(*SERVE, "--root", str(site), *ANY_PORT) as server, browser.new_context() as context:
        page = context.new_page()
        page.goto(server.url + "stream.py", wait_until="commit")
        expect(page.get_by_text("Fetch the flour")).to_be_visible()
        assert page.get_by_text("Let it cool").count() == 0
        open_gate(site)
        expect(page.get_by_text("Let it cool")).to_be_visible()


def test_templates_and_markdown_are_pages(page: Page) -> None:
    page.get_by_role("link", name="A Jinja page").click()
    page.get_by_label("Greet somebody else").fill("<Zoë>")
    page.get_by_role("button", name="Greet").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Hello, <Zoë>")
    page.goto("")
    page.get_by_role("link", name="A text template").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Dear Ada")
    page.get_by_role("link", name="About").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("About this portal")
    page.get_by_role("link", name="Back to the portal").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome to the portal")


def test_a_folder_without_an_index_is_listed(page: Page) -> None:
    page.get_by_role("link", name="Files", exact=True).click()
    page.get_by_role("link", name="notes/").click()
    page.get_by_role("link", name="shopping.md").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Shopping")


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_its_window(width: int, scheme: str, browser: Browser, portal: Server) -> None:
    with browser.new_context(
        base_url=portal.url, viewport={"width": width, "height": 800}, color_scheme=scheme
    ) as context:
        page = context.new_page()
        for path in PAGES:
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
