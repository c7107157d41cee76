"""What a script sees. A dialect is a module with `run(exchange, interpreters)`.

The file's extension or a folder's settings choose it; where they say `python`, what the source defines does, as
`AUTOMATIC` says. A source is never executed to find out.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Final, Protocol, cast

from twistedsite.scripts.code import Outline
from twistedsite.scripts.exchange import Exchange
from twistedsite.scripts.interpreters import Interpreters

SCRIPTS: Final = {".py": "python", ".dbpy": "dbpy"}
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


AUTOMATIC: Final[tuple[tuple[str, Callable[[Outline], bool]], ...]] = (("printing", lambda outline: True),)
"""The dialects of a `.py` file, and what its source must define for each; the first that applies is taken."""


DIALECTS: Final = frozenset({*(name for name, _ in AUTOMATIC), "dbpy", "listing", *TEMPLATES.values()})
"""All that there are, as names of modules here."""


class Dialect(Protocol):
    """How one kind of script or template is run."""

    def run(self, exchange: Exchange, interpreters: Interpreters) -> None:
        """Run the script of `exchange`, putting its answer there; any exception is the script's failure."""
        ...


def dialect_of(exchange: Exchange, interpreters: Interpreters) -> Dialect:
    """The dialect in which to run the script of `exchange`. Raises what compiling it raises."""
    name = exchange.request.dialect
    if name == "python":
        outline = interpreters.code.get(exchange.request.filename, exchange.request.version).outline
        name = next(dialect for dialect, applies in AUTOMATIC if applies(outline))
    return load_dialect(name)


@functools.cache
def load_dialect(name: str) -> Dialect:
    """The dialect `name`; its module is imported on first use."""
    return cast(Dialect, importlib.import_module(f"{__name__}.{name}"))
