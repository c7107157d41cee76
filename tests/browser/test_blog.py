"""The sample blog as its author and a visitor meet it, in headless Chromium, with threads and with workers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from server_process import ANY_PORT, SERVE, Server, running

pytestmark = pytest.mark.browser

BLOG = Path(__file__).parents[2] / "examples" / "blog"
PAGES = [".", "post?id=1", "post?id=2", "post?id=nothing", "login", "edit", "edit?id=1", "edit?id=new"]


@pytest.fixture(scope="module", params=["threads", "workers"])
def blog(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    root = tmp_path_factory.mktemp("site") / "blog"
    shutil.copytree(BLOG, root)
    options = ("--root", str(root), "--isolation", request.param, "--access-log", "off")
    with running(*SERVE, *options, *ANY_PORT, patience=150) as server:
        yield server, root


@pytest.fixture
def page(browser: Browser, blog: tuple[Server, Path]) -> Iterator[Page]:
    """A visitor's first page, of the blog as it comes; no page may complain on the console."""
    server, root = blog
    shutil.copy(BLOG / "_posts.json", root)
    complaints: list[str] = []
    with browser.new_context(base_url=server.url) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(f"{message.text} {message.location['url']}"))
        page.goto("")
        yield page
    # What the browser says of an answer that is an error is not the page's own complaint.
    assert [text for text in complaints if "the server responded with a status of 40" not in text] == []


def log_in(page: Page, password: str = "open sesame") -> None:
    page.goto("login")
    page.get_by_label("Password").fill(password)
    with page.expect_navigation():
        page.get_by_role("button", name="Log in").click()


def titles(page: Page) -> list[str]:
    return page.locator("article h2").all_inner_texts()


def test_the_home_page_shows_what_is_published_the_newest_first(page: Page) -> None:
    assert titles(page) == ["Wax, and why the second boat is better", "A boat from one sheet"]
    page.get_by_role("link", name="A boat from one sheet").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("A boat from one sheet")
    expect(page.locator(".prose li")).to_have_count(5)
    expect(page.locator(".prose strong")).to_have_text("one sheet")
    assert page.url.endswith("/post?id=1")


def test_a_draft_is_there_for_the_author_only(page: Page) -> None:
    answer = page.goto("post?id=3")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such post")
    log_in(page)
    page.goto("post?id=3")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sails (a draft)")


def test_only_the_password_lets_in(page: Page) -> None:
    log_in(page, "open")
    expect(page.get_by_role("alert")).to_have_text("That is not the password.")
    page.goto("edit")
    assert page.url.endswith("/login")
    log_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("My posts")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()
    page.goto("edit")
    assert page.url.endswith("/login")


def test_the_author_writes_edits_and_deletes_a_post(page: Page) -> None:
    log_in(page)
    page.get_by_role("link", name="New post").click()
    page.get_by_label("Title").fill("Knots <& more>")
    page.get_by_label("Text, in Markdown").fill(
        "A *bowline* holds.\n\n| knot | use |\n| --- | --- |\n| bowline | loop |"
    )
    page.get_by_label("Published").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Knots <& more>").click()
    page.get_by_label("Title").fill("Knots & more")
    with page.expect_navigation():
        page.get_by_role("button", name="Save").click()
    page.goto("")
    assert titles(page)[0] == "Knots & more"
    page.get_by_role("link", name="Knots & more").click()
    expect(page.locator(".prose em")).to_have_text("bowline")
    expect(page.locator(".prose td")).to_have_count(2)
    page.goto("edit")
    row = page.locator("li", has_text="Knots & more")
    row.get_by_text("Delete", exact=True).click()
    row.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("Knots & more")).to_have_count(0)
    page.goto("")
    assert len(titles(page)) == 2


def test_the_switch_publishes_and_takes_back(page: Page) -> None:
    log_in(page)
    switch = page.get_by_role("switch", name="Publish Sails (a draft)")
    expect(switch).not_to_be_checked()
    switch.click()
    expect(switch).to_be_checked()
    page.goto("")
    assert titles(page)[0] == "Sails (a draft)"
    page.goto("edit")
    switch.click()
    expect(switch).not_to_be_checked()
    page.goto("")
    assert "Sails (a draft)" not in titles(page)


def test_nothing_is_changed_by_a_stranger_or_by_a_link(page: Page, blog: tuple[Server, Path]) -> None:
    before = json.loads((BLOG / "_posts.json").read_text())
    for path in ("save", "publish", "delete"):
        assert page.request.post(path, form={"id": "1", "title": "x"}).url.endswith("/login")
    log_in(page)
    for path in ("save?id=1", "publish?id=1", "delete?id=1", "logout"):
        assert page.request.get(path).status == 405
    assert page.request.post("save", form={"id": "99", "title": "x"}).status == 404
    assert json.loads((blog[1] / "_posts.json").read_text()) == before


def test_the_data_and_the_shared_code_are_not_served(page: Page) -> None:
    for path in ("_posts.json", "_blog.json", "_blog.dbpy", "_templates/base.jinja"):
        assert page.request.get(path).status == 403


@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1400, "light")])
def test_every_page_of_the_blog_fits_its_window(
    width: int, scheme: str, browser: Browser, blog: tuple[Server, Path]
) -> None:
    server, root = blog
    shutil.copy(BLOG / "_posts.json", root)
    with browser.new_context(
        base_url=server.url, viewport={"width": width, "height": 800}, color_scheme=scheme
    ) as context:
        page = context.new_page()
        log_in(page)
        for path in PAGES:
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
