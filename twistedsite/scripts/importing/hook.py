"""`importlib.import_module`, for code of a site: it finds what the `import` statement finds there.

Python's function is one for the process and reads no builtins. So it is replaced, while there are interpreters, by one
that looks at its caller. Code of a site finds modules of its own folder first. Code of a library that a script has
called (Django, which imports its settings by name) finds them where no other module has that name: see `plain_names`.
"""

from __future__ import annotations

import importlib
import sys
import threading
from contextvars import ContextVar
from types import ModuleType
from typing import Any, Final, Protocol

load_module: Final = importlib.import_module
"""Python's own function."""


class Importer(Protocol):
    """An import namespace."""

    def import_module(self, name: str, importer: dict[str, Any]) -> ModuleType:
        """The module of the absolute `name`, for code whose globals are `importer`."""
        ...


class Running(Importer, Protocol):
    """The import namespace of a script."""

    @property
    def plain(self) -> Importer:
        """The namespace for libraries that import by name."""
        ...


current: Final[ContextVar[Running | None]] = ContextVar("interpreter", default=None)
"""The interpreter of the script that runs in this context."""

_users = 0
_guard: Final = threading.Lock()


def install() -> None:
    """Replace `importlib.import_module`, until `uninstall` has been called as often."""
    global _users
    with _guard:
        _users += 1
        importlib.import_module = _import_module


def uninstall() -> None:
    """See `install`."""
    global _users
    with _guard:
        _users -= 1
        if not _users and importlib.import_module is _import_module:
            importlib.import_module = load_module


def _import_module(name: str, package: str | None = None) -> ModuleType:
    """Import a module. `package` is needed only for a relative name."""
    if name.startswith("."):
        return load_module(name, package)
    caller = sys._getframe(1).f_globals
    own = _importer_of(caller)
    if own is not None:
        return own.import_module(name, caller)
    try:
        return load_module(name)
    except ModuleNotFoundError as error:
        running = current.get()
        if running is None or error.name != name.partition(".")[0]:
            raise
        return running.plain.import_module(name, caller)


def _importer_of(caller: dict[str, Any]) -> Importer | None:
    """The namespace of the code whose globals are `caller`, by its builtins."""
    names = caller.get("__builtins__")
    method = names.get("__import__") if isinstance(names, dict) else None
    owner: Importer | None = getattr(method, "__self__", None)
    return owner if hasattr(owner, "import_module") else None
