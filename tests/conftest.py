"""What holds for every test, and what several rooms' tests need."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, expect, sync_playwright
from twisted.logger import STDLibLogObserver, globalLogPublisher

# The same examples in every run, and no deadline: how fast this machine is just now is nobody's fault.
settings.register_profile("project", derandomize=True, deadline=None)
settings.load_profile("project")

# As for what a page is to show: Playwright's own 5 seconds are not long on a busy machine. In milliseconds.
expect.set_options(timeout=30_000)

# A run that a shell has begun in its background ignores SIGINT, and so would every server that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# With a test that fails, pytest shows what was logged: the answer to a client tells a reference only.
globalLogPublisher.addObserver(STDLibLogObserver())

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# Not for longer than a module: while it is there, no other event loop can run in this thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()
