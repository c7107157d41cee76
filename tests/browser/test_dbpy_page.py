"""The page that tries every part of dbpy in the browser: all of it is green, with threads and with workers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from server_process import ANY_PORT, SERVE, Server, running

pytestmark = pytest.mark.browser

TESTS = Path(__file__).parents[2] / "examples" / "dbpy-tests"


@pytest.fixture(params=["threads", "workers"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    shutil.copytree(TESTS, tmp_path / "site")
    options = ("--root", str(tmp_path / "site"), "--isolation", request.param, "--access-log", "off")
    with running(*SERVE, *options, *ANY_PORT, patience=150) as server:
        yield server


@pytest.mark.parametrize("width", [400, 1400])
def test_everything_is_green_also_the_second_time(width: int, browser: Browser, site: Server) -> None:
    with browser.new_context(base_url=site.url, viewport={"width": width, "height": 800}) as context:
        page = context.new_page()
        for _ in range(2):
            page.goto("")
            expect(page.get_by_role("status")).to_have_class("good", timeout=30_000)
            assert page.locator("li.bad").all_inner_texts() == []
            assert page.locator("li.good").count() >= 25
            expect(page.get_by_role("status")).to_have_text(f"All {page.locator('li').count()} work")
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_what_does_not_work_is_red_and_says_what_came(browser: Browser, site: Server, tmp_path: Path) -> None:
    (tmp_path / "site/http/get_params.dbpy").write_text("print('something else')")
    with browser.new_context(base_url=site.url) as context:
        page = context.new_page()
        page.goto("")
        expect(page.get_by_role("status")).to_have_class("bad", timeout=30_000)
        bad = page.locator("li.bad")
        expect(bad).to_have_count(1)
        expect(bad).to_contain_text("get_params")
        expect(bad).to_contain_text("200 something else")
