"""A guarded folder as a visitor meets it, in headless Chromium, served by a real process."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from passwords import users_file
from playwright.sync_api import Browser, HttpCredentials, expect
from server_process import ANY_PORT, SERVE, Server, running
from site_files import write

pytestmark = pytest.mark.browser

DOT = base64.b64decode("R0lGODlhAQABAIAAAP8AAP///yH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==")
PAGE = """<!doctype html><title>In</title><h1>Inside</h1>
<img src="dot.gif" alt=""><iframe src="who.py"></iframe><iframe src="deep/who"></iframe>"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("site")
    write(root, "in/_folder.toml", "[auth]\nfile = '_users'\nrealm = 'Küche'\n")
    write(root, "in/_users", users_file(Zoë="pässwort"))
    write(root, "in/index.html", PAGE)
    write(root, "in/dot.gif", DOT)
    for name in ("in/who.py", "in/deep/who.py"):
        write(root, name, "print('<p>Hello', REMOTE_USER)")
    with running(*SERVE, "--root", str(root), *ANY_PORT, "--access-log", "off") as server:
        yield server


def test_one_password_opens_the_page_and_all_that_is_in_it(guarded: Server, browser: Browser) -> None:
    with browser.new_context(http_credentials={"username": "Zoë", "password": "pässwort"}) as context:
        page = context.new_page()
        answer = page.goto(guarded.url + "in/")
        assert answer is not None
        assert answer.status == 200
        for frame in page.frames[1:]:
            expect(frame.locator("p")).to_have_text("Hello Zoë")
        assert page.evaluate("document.images[0].naturalWidth") == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_who_has_the_wrong_one_is_told_so(
    guarded: Server, browser: Browser, width: int, scheme: Literal["light", "dark"], tmp_path: Path
) -> None:
    wrong: HttpCredentials = {"username": "Zoë", "password": "wrong"}
    with browser.new_context(
        http_credentials=wrong, viewport={"width": width, "height": 700}, color_scheme=scheme
    ) as context:
        page = context.new_page()
        answer = page.goto(guarded.url + "in/dot.gif")
        assert answer is not None
        assert answer.status == 401
        expect(page.locator("body")).to_contain_text("only for people who are logged in")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.screenshot(path=tmp_path / "page.png")
