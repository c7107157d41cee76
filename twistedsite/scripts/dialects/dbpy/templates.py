"""`dbpy.templates`: Jinja2 templates rendered by a script."""

from __future__ import annotations

from typing import Any

from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.templates.jinja import render


class Templates:
    """Searches the script's folder, its `_templates/` and the site's `_templates/`. `/…` is a path from the root."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def render(self, path: str, with_data: dict[str, Any] | None = None) -> None:
        """Print the template at `path`, rendered with `with_data`. Raises IOError where there is none."""
        self._exchange.write(self.render_to_string(path, with_data).encode("utf-8", "replace"))

    def render_to_string(self, path: str, with_data: dict[str, Any] | None = None) -> str:
        """The template at `path`, rendered with `with_data`. Raises IOError where there is none."""
        return render(self._exchange, [path], with_data)
