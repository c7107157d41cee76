"""The sample of handlers and published objects as a visitor meets it, in headless Chromium, by a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gated import gated, open_gate
from playwright.sync_api import Browser, Page, expect
from server_process import ANY_PORT, SERVE, Server, running

pytestmark = pytest.mark.browser

EXAMPLE = Path(__file__).parents[2] / "examples" / "handlers"
PAGES = [
    "",
    "hello",
    "form.html",
    "inside/more",
    "inside",
    "shop/fruit",
    "shop/fruit/basket?fruits=apple",
    "members/",
]
LOGIN = {"username": "ann", "password": "tea"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    options = ("--access-log", "off", "--isolation", "workers")
    with running(*SERVE, "--root", str(EXAMPLE), *ANY_PORT, *options, patience=300) as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A visitor's first page; no page may complain on the console or fetch what is not there."""
    complaints: list[str] = []
    with browser.new_context(base_url=server.url, http_credentials=LOGIN) as context:
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"{message.text} {message.location['url']}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("")
        yield page
    # The server's own error page has no icon, so that the browser asks for the usual one.
    expected = ("basket?count=2", "/favicon.ico")
    assert [text for text in complaints if not text.endswith(expected)] == []


def test_a_handler_remembers_from_request_to_request(page: Page) -> None:
    page.get_by_role("link", name="Hello").click()
    first = page.get_by_text("of Oakwood").inner_text()
    page.get_by_role("link", name="Once more").click()
    number = int(first.split()[3])
    expect(page.get_by_text("of Oakwood")).to_have_text(first.replace(str(number), str(number + 1)))


def test_a_form_shows_what_was_sent_and_may_redirect(page: Page) -> None:
    page.get_by_role("link", name="A form").click()
    page.get_by_label("Your name").fill("Zoë <b>")
    page.get_by_label("A fruit").fill("apple")
    page.get_by_label("Another one").fill("pear")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("cell", name="Zoë <b>")).to_be_visible()
    expect(page.get_by_role("cell", name="apple, pear")).to_be_visible()
    page.get_by_role("link", name="Another one").click()
    page.get_by_label("Your name").fill("nobody")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Handlers and published objects")


def test_what_a_handler_prints_is_shown_while_it_goes_on(browser: Browser, tmp_path: Path) -> None:
    site = gated(EXAMPLE, tmp_path / "handlers", "time.sleep(0.3)")
    options = ("--access-log", "off", "--isolation", "workers")
    with running(*SERVE, "--root", str(site), *ANY_PORT, *options) as server, browser.new_context() as context:
        page = context.new_page()
        page.goto(server.url + "stream", wait_until="commit")
        expect(page.get_by_text("Boil the water")).to_be_visible()
        assert page.get_by_text("Enjoy it.").count() == 0
        open_gate(site)
        expect(page.get_by_text("Enjoy it.")).to_be_visible()


def test_the_older_names_tell_of_folder_and_request(page: Page) -> None:
    page.get_by_role("link", name="Inside").click()
    for name, value in (("school", "Oakwood"), ("query", "colour=green"), ("path-info", "/more"), ("ip", "127.0.0.1")):
        row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name, exact=True))
        expect(row.first).to_contain_text(value)


def test_published_functions_are_pages_and_a_missing_field_is_named(page: Page) -> None:
    page.get_by_role("link", name="The shop").click()
    page.get_by_role("link", name="Two pears").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your basket")
    expect(page.get_by_role("row", name="pear")).to_contain_text("8")
    page.get_by_role("link", name="Back to the shop").click()
    page.get_by_role("link", name="A basket without fruit").click()
    expect(page.get_by_text("The parameter 'fruits' is missing.")).to_be_visible()
    page.goto("shop/fruit/prices")
    expect(page.get_by_text('"quince":7')).to_be_visible()
    for name in ("_secret", "forgotten", "PRICES", "page"):
        answer = page.request.get(f"shop/fruit/{name}")
        assert answer.status in (403, 404), name


def test_only_members_get_in(page: Page, browser: Browser, server: Server) -> None:
    page.get_by_role("link", name="Members A module").click()
    expect(page.get_by_text("Welcome, ann. You came by Basic.")).to_be_visible()
    with browser.new_context(base_url=server.url) as context:
        assert context.request.get("members/").status == 401


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_its_window(width: int, scheme: str, browser: Browser, server: Server) -> None:
    with browser.new_context(
        base_url=server.url,
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
        http_credentials=LOGIN,
    ) as context:
        page = context.new_page()
        for path in PAGES:
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == 200, path
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
