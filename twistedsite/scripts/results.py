"""What a function returns becomes the page: text, bytes, JSON, a template, or nothing."""

from __future__ import annotations

from typing import Any

import msgspec

from twistedsite.scripts.dialects import load_dialect
from twistedsite.scripts.exchange import Exchange


class Template:
    """A Jinja2 template of the site, to be rendered as the page: `return Template("page.jinja", name="Ada")`."""

    def __init__(self, name: str, /, **values: Any) -> None:
        self.name = name
        """Looked for in the folder of the script, in its `_templates/`, and in that of the site."""
        self.values = values


def answer(exchange: Exchange, result: object) -> None:
    """Make `result` the answer of `exchange`. Raises TypeError for what cannot be one."""
    match result:
        case None:
            if exchange.status == 200 and not exchange.has_content:
                exchange.status = 204
        case str():
            exchange.write(result.encode("utf-8", "replace"))
        case bytes() | bytearray() | memoryview():
            _default_type(exchange, "application/octet-stream")
            exchange.write(bytes(result))
        case dict() | list():
            _default_type(exchange, "application/json")
            exchange.write(msgspec.json.encode(result))
        case Template():
            jinja: Any = load_dialect("jinja")
            exchange.write(jinja.render(exchange, [result.name], result.values).encode("utf-8", "replace"))
        case _:
            raise TypeError(
                f"no page can be made of a {type(result).__name__}: return str, bytes, dict, list, Template or None"
            )


def _default_type(exchange: Exchange, media_type: str) -> None:
    if "content-type" not in exchange.headers:
        exchange.headers["content-type"] = media_type
