"""`dbpy.text`: text as HTML."""

from __future__ import annotations

import html
import pprint

from markupsafe import Markup

from twistedsite.scripts.dialects import markdown


def markdown_to_html(text: str) -> Markup:
    """The Markdown `text` as HTML. HTML in it is not escaped, nor do templates escape the result."""
    return Markup(markdown.to_html(text))


def pretty_print(obj: object) -> None:
    """Print `obj`, formatted by `pprint`, inside `<pre>`."""
    print(f"<pre>\n{html.escape(pprint.pformat(obj))}\n</pre>")  # noqa: T201  # into the page
