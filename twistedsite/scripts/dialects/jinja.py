"""`.jinja` and `.j2`: Jinja2 templates as pages; see `templates.jinja`."""

from __future__ import annotations

import os

from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.scripts.templates.jinja import render


def run(exchange: Exchange, interpreters: Interpreters) -> None:
    """Render the template of `exchange`; raises TemplateFault."""
    exchange.headers["content-type"] = "text/html; charset=utf-8"
    exchange.write(render(exchange, [os.path.basename(exchange.request.filename)]).encode("utf-8", "replace"))
