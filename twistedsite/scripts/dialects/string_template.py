"""`.tpl`: text with `$name` or `${name}` for what was sent in the query string or a form, and `$$` for a dollar sign.

In a page (`X.tpl`, `X.html.tpl`) the values are escaped for HTML, so that no visitor can put markup into it.
`X.txt.tpl` is plain text, with unescaped values.
"""

from __future__ import annotations

import html
import re
import string
from collections.abc import Callable, Mapping

from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.messages.request import ScriptRequest
from twistedsite.scripts.templates.fault import TemplateFault, template_source


def run(exchange: Exchange, interpreters: Interpreters) -> None:
    """Render the template of `exchange` with the first value of each field. Raises TemplateFault."""
    request = exchange.request
    is_text = request.filename.lower().endswith(".txt.tpl")
    page = _fill(template_source(exchange), exchange.form, _as_it_is if is_text else html.escape, request)
    exchange.headers["content-type"] = f"text/{'plain' if is_text else 'html'}; charset=utf-8"
    exchange.write(page.encode("utf-8", "replace"))


def _fill(source: str, values: Mapping[str, str], escape: Callable[[str], str], request: ScriptRequest) -> str:
    def fault(match: re.Match[str], message: str) -> TemplateFault:
        return TemplateFault.at(message, request, source, source.count("\n", 0, match.start()) + 1)

    def value_of(match: re.Match[str]) -> str:
        if match["escaped"] is not None:
            return "$"
        name = match["named"] or match["braced"]
        if name is None:
            raise fault(match, "a $ that begins no name: write $$ for a dollar sign")
        if name not in values:
            raise fault(match, f"nothing was sent for ${name}: neither the query string nor the form has this name")
        return escape(values[name])

    # The pattern of the class rather than `substitute`, which does not say in which line a name is missing.
    pattern: re.Pattern[str] = string.Template.pattern
    return pattern.sub(value_of, source)


def _as_it_is(value: str) -> str:
    return value
