"""What a script sees. A dialect is a module with `run(exchange, interpreters)`.

The file's extension or a folder's settings choose it; where they say `python`, what the source defines does, as
`AUTOMATIC` says. A source is never executed to find out.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from typing import Final, Protocol, cast

from twistedsite.scripts.code.outline import Outline
from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.importing.installed import installed_handlers, load_handler
from twistedsite.scripts.importing.interpreters import Interpreters
from twistedsite.settings.load import SettingsError

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


def _is_wsgi(outline: Outline) -> bool:
    if "application" in outline.classes or len(outline.functions.get("application", ())) == 2:
        return True
    return not outline.prints and ("application" in outline.names or "app" in outline.made)


def _is_methods(outline: Outline) -> bool:
    return not outline.prints and any(outline.functions.get(name) == ("request",) for name in METHOD_FUNCTIONS)


METHOD_FUNCTIONS: Final = ("get", "head", "post", "put", "patch", "delete", "options")
"""Functions of the dialect `methods`, by the request's method in lower case."""

AUTOMATIC: Final[tuple[tuple[str, Callable[[Outline], bool]], ...]] = (
    ("handler", lambda outline: "RequestHandler" in outline.classes),
    ("wsgi", _is_wsgi),
    ("methods", _is_methods),
    ("printing", lambda outline: True),
)
"""The dialects of a `.py` file, and what its source must define for each; the first that applies is taken."""

BY_SETTING: Final = ("publisher",)
"""The dialects of a `.py` file that nothing in its source tells."""

PYTHON_DIALECTS: Final = frozenset({"python", *(name for name, _ in AUTOMATIC), *BY_SETTING})
"""What the setting `dialect` may say."""

_OWN: Final = frozenset({"guard", "listing"})
"""What the server itself runs so, and no settings can name."""

DIALECTS: Final = frozenset({*PYTHON_DIALECTS, *SCRIPTS.values(), *TEMPLATES.values(), *_OWN} - {"python"})
"""All that there are, as names of modules here."""


MAPPABLE: Final = frozenset({"python", *DIALECTS} - _OWN)
"""The dialects that settings may name for an extension."""


STATIC: Final = frozenset({"static", "none"})
"""What settings say of an extension whose files are sent as they are."""


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


def unknown_dialect(name: str) -> str:
    """What is wrong with the setting `dialect` where it says `name`."""
    return f"expected {', '.join(sorted(PYTHON_DIALECTS))}, got {name!r}"


@functools.cache
def load_dialect(name: str) -> Dialect:
    """The dialect or installed handler `name`; its module is imported on first use.

    Raises LookupError where there is none, TypeError where what is installed is no handler, or what its import raises.
    """
    if name in DIALECTS:
        return cast(Dialect, importlib.import_module(f"{__name__}.{name}"))
    return cast(Dialect, load_handler(name))


def check_handlers(extensions: Mapping[str, str], source: str) -> None:
    """Raise SettingsError, about `source`, where `extensions` name a dialect or handler that there is not.

    A server asks once before it starts: then the search for installed handlers, which takes a while, is over.
    """
    installed = installed_handlers()
    for extension, name in extensions.items():
        if name not in MAPPABLE and name not in STATIC and name not in installed:
            known = ", ".join([*sorted(MAPPABLE), "static", *sorted(installed)])
            raise SettingsError(source, f"extensions.{extension}", f"expected one of {known}, got {name!r}")
