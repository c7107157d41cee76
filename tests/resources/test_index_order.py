"""Which of several index files a folder shows, and how sources are shown: as the older programs did."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted
from site_files import write

from twistedsite.testing import serving

INDEXES = {
    "index.dbpy": "print('by dbpy')",
    "index.py": "print('by py')",
    "index.html": "by html",
    "index.htm": "by htm",
    "index.jinja": "by {{ 'jinja' }}",
    "index.tpl": "by tpl",
    "index.md": "by md",
    "index.txt": "by txt",
}


@pytest_twisted.ensureDeferred
async def test_of_several_index_files_the_first_in_this_order_is_shown_else_a_listing(tmp_path: Path) -> None:
    for name, text in INDEXES.items():
        write(tmp_path, f"in/{name}", text)
    write(tmp_path, "in/other.txt")
    async with serving(tmp_path) as site:
        for name in INDEXES:
            assert f"by {name.partition('.')[2]}" in (await site.get("/in/")).text
            (tmp_path / "in" / name).unlink()
        answer = await site.get("/in/", headers={"Accept": "text/html"})
    assert 'href="other.txt"' in answer.text


@pytest.mark.parametrize("name", ["program.c", "style.tex", "shell.sh", "old.pl", "Main.java"])
@pytest_twisted.ensureDeferred
async def test_source_code_is_readable_in_the_browser(tmp_path: Path, name: str) -> None:
    write(tmp_path, name, "<b>source</b>")
    async with serving(tmp_path) as site:
        answer = await site.get(f"/{name}")
    assert answer.text == "<b>source</b>"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
