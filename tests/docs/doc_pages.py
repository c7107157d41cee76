"""The documentation as data: its pages, and every code block in them with what the tests do with it.

The words after a block's language say that: `run`, `serve`, `dry`, `file=`, `shows=`, `tested-by=` (see doc_play).
A block that says nothing, or something unknown, is an error: no snippet goes unseen.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

import attrs
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
KINDS = frozenset({"run", "serve", "dry", "file", "shows", "tested-by"})
DIRECTIVES = frozenset({"{toctree}", "{eval-rst}"})
"""MyST's own blocks, which hold no snippet."""

_FENCE_OPTION = re.compile(r"(?P<name>[a-z-]+)(?:=(?P<value>\S+))?")


@attrs.frozen
class Block:
    """One code block."""

    page: str
    line: int
    language: str
    kind: str
    value: str
    """What stands after `=`."""
    exit: int
    """The status with which its command ends."""
    text: str
    before: str
    """What stands between the block before and this one."""

    @property
    def place(self) -> str:
        """Where it is, for a message."""
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Every page of the documentation, in a fixed order."""
    top = (ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"))
    return [*top, *sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)]


def name_of(page: Path) -> str:
    """The path of `page` from the root of the project."""
    return page.relative_to(ROOT).as_posix()


@functools.cache
def blocks(page: Path) -> list[Block]:
    """The code blocks of `page`; raises ValueError for one that no test knows what to do with."""
    found = []
    lines = page.read_text("utf-8").splitlines()
    end = 0
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text("utf-8")):
        if token.type not in ("fence", "code_block"):
            continue
        start, after = token.map or (0, 0)
        before, end = "\n".join(lines[end:start]), after
        place = f"{name_of(page)}:{start + 1}"
        language, *words = token.info.split() or [""]
        if language in DIRECTIVES:
            if "```" in token.content:
                raise ValueError(f"{place}: a block within a directive is seen by no test")
            continue
        options = {match["name"]: match["value"] for word in words if (match := _FENCE_OPTION.fullmatch(word))}
        status = int(options.pop("exit", 0))
        if len(options) != 1 or not language or not KINDS.issuperset(options):
            raise ValueError(f"{place}: say what the tests do with this block: one of {', '.join(sorted(KINDS))}")
        ((kind, value),) = options.items()
        found.append(Block(name_of(page), start + 1, language, kind, value or "", status, token.content, before))
    return found


def block_tested_by(test: str) -> Block:
    """The one block whose test is `test`."""
    (found,) = [block for page in pages() for block in blocks(page) if (block.kind, block.value) == ("tested-by", test)]
    return found


def links(page: Path) -> list[str]:
    """The targets of all links and pictures of `page`."""
    found: list[str] = []
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text("utf-8")):
        for child in token.children or ():
            target = child.attrs.get("href") or child.attrs.get("src")
            if target:
                found.append(str(target))
    return found
