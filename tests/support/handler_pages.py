"""For tests of scripts that are modules: a page of one expression, and what a site shows."""

from __future__ import annotations

import textwrap
from pathlib import Path

from site_files import write

from twistedsite.testing import ServedSite


async def text_of(site: ServedSite, path: str = "/x.py") -> str:
    answer = await site.get(path)
    assert answer.status == 200, answer.text
    return answer.text.strip()


def page(root: Path, name: str, lines: str, expression: str) -> None:
    """A handler whose page is what `expression` gives, below `lines`."""
    body = f"class RequestHandler(Base):\n    def Content(self): return str({expression})\n"
    write(root, name, f"from twistedsite import RequestHandler as Base\n{textwrap.dedent(lines)}\n{body}")
