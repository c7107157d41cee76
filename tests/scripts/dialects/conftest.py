from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from template_site import TemplateSite, templates


@pytest.fixture
def site(tmp_path: Path) -> Iterator[TemplateSite]:
    root = tmp_path / "site"
    root.mkdir()
    with templates(root) as site:
        yield site
