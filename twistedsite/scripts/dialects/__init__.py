"""What a script sees. A dialect is a module with `run(exchange, interpreters)`; the file's extension chooses it."""

from __future__ import annotations

import functools
import importlib
from typing import Final, Protocol, cast

from twistedsite.scripts.exchange import Exchange
from twistedsite.scripts.interpreters import Interpreters

SCRIPTS: Final = {".py": "printing"}
"""Extension -> dialect of the files that are Python programs."""

TEMPLATES: Final = {
    ".tpl": "string_template",
    ".jinja": "jinja",
    ".j2": "jinja",
    ".md": "markdown",
    ".mkd": "markdown",
    ".mkdn": "markdown",
    ".mdown": "markdown",
    ".markdown": "markdown",
}
"""Extension -> dialect of the files that are filled in."""


class Dialect(Protocol):
    """How one kind of script or template is run."""

    def run(self, exchange: Exchange, interpreters: Interpreters) -> None:
        """Run the script of `exchange`, putting its answer there; any exception is the script's failure."""
        ...


@functools.cache
def load_dialect(name: str) -> Dialect:
    """The dialect `name`; its module is imported on first use."""
    return cast(Dialect, importlib.import_module(f"{__name__}.{name}"))
