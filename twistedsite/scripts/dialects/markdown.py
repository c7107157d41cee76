"""`.md` and its like: Markdown (CommonMark with tables and strikethrough) as a page.

The page is the template `_templates/markdown.html` of the site, which gets `title` and `content`, else the built-in
page. HTML in the file is not escaped: the file is its author's.
"""

from __future__ import annotations

import functools
import itertools
import os
from typing import Final

import jinja2
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from twistedsite.pages.render import MARKDOWN_CSP, markdown_page
from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.templates.fault import template_source
from twistedsite.scripts.templates.jinja import render

CACHED: Final = 64
"""Most converted files that are kept."""
LONGEST_CACHED: Final = 128 * 1024
"""Files of more characters are not kept."""

_OWN_PAGES: Final = ["/_templates/markdown.html"]

_parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def run(exchange: Exchange, interpreters: Interpreters) -> None:
    """Show the Markdown file of `exchange` as a page; raises TemplateFault for a fault in the site's own template."""
    source = template_source(exchange)
    title, content = _cached(source) if len(source) <= LONGEST_CACHED else _convert(source)
    title = title or os.path.splitext(exchange.request.script[-1])[0]
    try:
        page = render(exchange, _OWN_PAGES, {"title": title, "content": Markup(content)})
    except jinja2.TemplatesNotFound:
        page = markdown_page(title, content)
        exchange.headers["content-security-policy"] = MARKDOWN_CSP.decode("ascii")
    exchange.headers["content-type"] = "text/html; charset=utf-8"
    exchange.write(page.encode("utf-8", "replace"))


def to_html(source: str) -> str:
    """The HTML of `source`, with no page around it."""
    return _convert(source)[1]


def _convert(source: str) -> tuple[str, str]:
    """Title (of the first heading; may be empty) and HTML of `source`."""
    tokens = _parser.parse(source)
    for token in tokens:
        if token.type in ("th_open", "td_open") and (style := token.attrs.pop("style", None)):
            # An attribute that works under a Content-Security-Policy without inline styles.
            token.attrs["align"] = str(style).removeprefix("text-align:")
    return _title(tokens), str(_parser.renderer.render(tokens, _parser.options, {}))


_cached = functools.lru_cache(CACHED)(_convert)


def _title(tokens: list[Token]) -> str:
    for heading, inline in itertools.pairwise(tokens):
        if heading.type == "heading_open":
            shown = (part for part in inline.children or () if part.type != "html_inline")
            text = "".join(" " if part.type.endswith("break") else part.content for part in shown)
            return " ".join(text.split())
    return ""
