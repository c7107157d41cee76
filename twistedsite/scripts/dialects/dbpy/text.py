"""`dbpy.text`: helpers for what is shown."""

from __future__ import annotations

import html
import pprint

from markupsafe import Markup

from twistedsite.scripts.dialects import markdown


def markdown_to_html(text: str) -> Markup:
    """`text`, which is Markdown, as HTML. HTML in it stays as it is; templates do not escape the result."""
    return Markup(markdown.to_html(text))


def pretty_print(obj: object) -> None:
    """Print `obj` for people, inside `<pre>`."""
    print(f"<pre>\n{html.escape(pprint.pformat(obj))}\n</pre>")  # noqa: T201  # into the page
