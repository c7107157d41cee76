"""Dialects: the interfaces that scripts can be written for. A dialect is a module with `run(exchange, interpreters)`.

The file's extension or the folder's settings choose it. Where they say `python`, what the source defines chooses it, by
the table `AUTOMATIC`. The source is never executed for that.
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
"""Extension -> dialect, for Python programs."""

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
"""Extension -> dialect, for templates."""


def _is_wsgi(outline: Outline) -> bool:
    if "application" in outline.classes or len(outline.functions.get("application", ())) == 2:
        return True
    return not outline.prints and ("application" in outline.names or "app" in outline.made)


def _is_methods(outline: Outline) -> bool:
    return not outline.prints and any(outline.functions.get(name) == ("request",) for name in METHOD_FUNCTIONS)


METHOD_FUNCTIONS: Final = ("get", "head", "post", "put", "patch", "delete", "options")
"""The functions of the dialect `methods`: request methods in lower case."""

AUTOMATIC: Final[tuple[tuple[str, Callable[[Outline], bool]], ...]] = (
    ("handler", lambda outline: "RequestHandler" in outline.classes),
    ("wsgi", _is_wsgi),
    ("methods", _is_methods),
    ("printing", lambda outline: True),
)
"""The dialects of a `.py` file, with the test of its outline. The first that applies is taken."""

BY_SETTING: Final = ("publisher",)
"""The dialects of a `.py` file that only a setting can choose."""

PYTHON_DIALECTS: Final = frozenset({"python", *(name for name, _ in AUTOMATIC), *BY_SETTING})
"""The values of the setting `dialect`."""

_OWN: Final = frozenset({"guard", "listing"})
"""The dialects that only the server itself uses."""

DIALECTS: Final = frozenset({*PYTHON_DIALECTS, *SCRIPTS.values(), *TEMPLATES.values(), *_OWN} - {"python"})
"""All dialects, as names of modules in this package."""


MAPPABLE: Final = frozenset({"python", *DIALECTS} - _OWN)
"""The dialects that settings may name for an extension."""


STATIC: Final = frozenset({"static", "none"})
"""The values by which settings have the files of an extension sent unchanged."""


class Dialect(Protocol):
    """How one kind of script or template is run."""

    def run(self, exchange: Exchange, interpreters: Interpreters) -> None:
        """Run the script of `exchange`, which takes the answer. Any exception is a failure of the script."""
        ...


def dialect_of(exchange: Exchange, interpreters: Interpreters) -> Dialect:
    """The dialect of the script of `exchange`. Raises what compiling the script raises."""
    name = exchange.request.dialect
    if name == "python":
        outline = interpreters.code.get(exchange.request.filename, exchange.request.version).outline
        name = next(dialect for dialect, applies in AUTOMATIC if applies(outline))
    return load_dialect(name)


def unknown_dialect(name: str) -> str:
    """The error message for a setting `dialect` with the value `name`."""
    return f"expected {', '.join(sorted(PYTHON_DIALECTS))}, got {name!r}"


@functools.cache
def load_dialect(name: str) -> Dialect:
    """The dialect or installed handler `name`. Its module is imported at the first call.

    Raises LookupError where there is none, TypeError for an object that is no handler, or what its import raises.
    """
    if name in DIALECTS:
        return cast(Dialect, importlib.import_module(f"{__name__}.{name}"))
    return cast(Dialect, load_handler(name))


def check_handlers(extensions: Mapping[str, str], source: str) -> None:
    """Raise SettingsError, about `source`, where `extensions` name an unknown dialect or handler.

    A server calls it before it starts, so that the slow search for installed handlers is done by then.
    """
    installed = installed_handlers()
    for extension, name in extensions.items():
        if name not in MAPPABLE and name not in STATIC and name not in installed:
            known = ", ".join([*sorted(MAPPABLE), "static", *sorted(installed)])
            raise SettingsError(source, f"extensions.{extension}", f"expected one of {known}, got {name!r}")
