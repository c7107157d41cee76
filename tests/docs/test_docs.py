"""What the documentation says is so: each page is played by a reader who does all that it shows."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from doc_pages import DOCS, ROOT, blocks, links, name_of, pages
from doc_play import playing

from twistedsite.scripts.dialects import printing
from twistedsite.scripts.dialects.dbpy import http, namespace
from twistedsite.scripts.dialects.dbpy.dropbox import Dropbox
from twistedsite.scripts.dialects.dbpy.io_file import TextFiles
from twistedsite.scripts.dialects.dbpy.io_json import JsonFiles
from twistedsite.scripts.dialects.dbpy.session import SessionDict
from twistedsite.scripts.dialects.dbpy.templates import Templates
from twistedsite.scripts.templates import jinja

sys.path.append(str(DOCS))
from generated import with_generated_parts

PAGES = pages()


@pytest.mark.process
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_a_page_tells_its_reader_to_do_works(page: Path, tmp_path: Path) -> None:
    with playing(tmp_path) as player:
        for block in blocks(page):
            player.play(block)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_reader_is_told_the_name_of_each_file(page: Path) -> None:
    unnamed = [b.place for b in blocks(page) if b.kind == "file" and b.value.rpartition("/")[2] not in b.before]
    assert unnamed == []


def test_every_block_that_names_a_test_has_it() -> None:
    named = {block.value for page in PAGES for block in blocks(page) if block.kind == "tested-by"}
    code = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert named == {name for name in re.findall(r"^(?:async )?def (test_\w+)", code, re.M) if f'"{name}"' in code}


def test_every_name_that_a_script_finds_is_described() -> None:
    headings = " ".join(re.findall(r"^### (.*)$", (DOCS / "reference" / "scripts.md").read_text(), re.M))
    assert {name for name in printing.GIVEN if f"`{name}`" not in headings} == set()


def test_every_name_in_dbpy_is_described() -> None:
    page = (DOCS / "reference" / "dbpy.md").read_text()
    assert [name for name in _names_in_dbpy() if not re.search(rf"`[\w.]*\b{name}\b[^`\n]*`", page)] == []


def test_every_name_that_a_template_finds_is_described() -> None:
    page = (DOCS / "reference" / "templates.md").read_text()
    assert {name for name in jinja.GIVEN if f"`{name}`" not in page} == set()


@pytest.mark.process
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in links(page):
        if not re.match(r"[a-z]+:", target):
            path, _, heading = target.partition("#")
            linked = (page.parent / path).resolve() if path else page
            assert linked.exists(), f"{name_of(page)}: {target}"
            assert not heading or heading in _anchors(linked), f"{name_of(page)}: {target}"


def test_every_page_is_reached_from_the_index() -> None:
    patterns = re.findall(r"^[\w/*-]+$", _toctrees((DOCS / "index.md").read_text()), re.M)
    listed = {path for pattern in patterns for path in DOCS.glob(f"{pattern}.md")}
    assert listed == {page for page in PAGES if DOCS in page.parents}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_the_code_tells_stands_in_the_page(page: Path) -> None:
    # Where this fails: python docs/generated.py
    text = page.read_text()
    assert with_generated_parts(text) == text


@pytest.mark.process
def test_the_documentation_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "--doctree-dir", str(tmp_path / "trees")]
    built = subprocess.run(
        [*command, str(DOCS), str(tmp_path / "html")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (built.returncode, built.stderr) == (0, "")
    assert "Hello, Ada" in (tmp_path / "html" / "tutorial.html").read_text()


@pytest.mark.parametrize("picture", sorted((DOCS / "_static").glob("*.png")), ids=lambda picture: picture.name)
def test_pictures_are_small(picture: Path) -> None:
    assert picture.stat().st_size < 150_000


def _names_in_dbpy() -> Iterator[str]:
    """`die`, `io`, `io.file.read` without what stands before the last dot, …"""
    for kind in (namespace.Dbpy, http.Http, http.HttpRequest, TextFiles, JsonFiles, Dropbox, Templates, SessionDict):
        yield from (name for name in vars(kind) if not name.startswith("_") and name != "open_file")
    yield from ("markdown_to_html", "pretty_print", "file", "json")


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _toctrees(text: str) -> str:
    return "\n".join(re.findall(r"^```\{toctree\}\n(.*?)^```", text, re.M | re.S))
