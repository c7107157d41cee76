"""One headless Chromium for all tests of pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from headless import chromium
from playwright.sync_api import Browser


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser
