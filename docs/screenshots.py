"""Makes the documentation's pictures anew: `python docs/screenshots.py`. Needs playwright and Debian's chromium."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
PORTAL = HERE.parent / "examples" / "portal"
PICTURES = HERE / "_static"
WIDTH = 1200
SERVE = [sys.executable, "-m", "twisted", "scriptsite", "--root", str(PORTAL), "--access-log", "off", "--debug"]


def main() -> None:
    """Serve the portal and take every picture."""
    command = [*SERVE, "--listen", "tcp:0:interface=127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            assert server.stdout is not None
            take_pictures(next(url for line in server.stdout for url in re.findall(r"http://\S+/", line)))
        finally:
            server.terminate()


def take_pictures(url: str) -> None:
    """Save the pictures of the portal at `url`."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(base_url=url, color_scheme="light")
        page.goto("login.html")
        page.get_by_label("Your name").fill("Ada")
        page.get_by_role("button", name="Log in").click()
        save(page, "portal", 830)
        page.goto("fail.py")
        save(page, "traceback", 750)
        page.goto("files/")
        save(page, "listing", 380)
        browser.close()


def save(page: Page, name: str, height: int) -> None:
    """Save the first `height` pixels of what `page` shows now."""
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.wait_for_load_state("networkidle")
    page.screenshot(path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
