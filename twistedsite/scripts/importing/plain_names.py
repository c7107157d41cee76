"""Modules of a site under their plain names, for libraries that import them by name (Django: settings, URLs, models).

Such a library compares the names in its settings with `__name__`, so modules in synthetic packages would not do. A
plain name exists once in a process, as there is one Django with one set of settings.
"""

from __future__ import annotations

import builtins
import functools
import importlib.machinery
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType, ModuleType
from typing import Any, Final

from twistedsite.scripts.importing.hook import load_module
from twistedsite.scripts.importing.modules import ModuleTable
from twistedsite.scripts.importing.own_builtins import own_builtins

_owners: Final[dict[str, PlainNames]] = {}
"""Top-level name -> its owner, for the process."""


class PlainNames:
    """The modules of an interpreter with plain names: they are in `table`, and are searched in the folders `path`."""

    def __init__(self, table: ModuleTable, path: tuple[str, ...]) -> None:
        self.table = table
        self._path = path

    @functools.cached_property
    def _builtins(self) -> dict[str, Any]:
        """Made when the first such module is found: most sites have none."""
        return own_builtins(self._import)

    def import_module(self, name: str, importer: dict[str, Any]) -> ModuleType:
        """The module `name`, for a library or for one of these modules (see `Importer`)."""
        return self._or_claimed(name.partition(".")[0], lambda: load_module(name))

    def find(self, name: str, path: Sequence[str] | None) -> importlib.machinery.ModuleSpec | None:
        """The spec of a module with one of these names."""
        return self.table.find(name, self._path if path is None else path, self._builtins)

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        def load() -> ModuleType:
            return builtins.__import__(name, globals, locals, fromlist or (), level)

        return load() if level else self._or_claimed(name.partition(".")[0], load)

    def _or_claimed(self, top: str, load: Callable[[], ModuleType]) -> ModuleType:
        try:
            return load()
        except ModuleNotFoundError as error:
            if error.name != top or top in _owners or not self._has(top):
                raise
        _owners[top] = self
        self.table.plain.add(top)
        return load()

    def _has(self, top: str) -> bool:
        places = ((folder, os.path.join(folder, top)) for folder in self._path)
        return any(self.table.has_module(folder, top) or os.path.isdir(inside) for folder, inside in places)


def owner_of(name: str) -> PlainNames | None:
    """The owner of the plain name of the module `name`; None where no site has it."""
    return _owners.get(name.partition(".")[0]) if _owners else None


def forget_names(table: ModuleTable) -> None:
    """Drop the plain names of `table`, and Django too where it has imported one of them."""
    tops = {top for top, owner in _owners.copy().items() if owner.table is table}
    for top in tops:
        del _owners[top]
    table.plain.clear()
    if tops and "django" in sys.modules:
        tops |= {"django"} | _built_on("django")
    for name in [name for name in list(sys.modules) if name.partition(".")[0] in tops]:
        sys.modules.pop(name, None)


def other_django_project(table: ModuleTable) -> str | None:
    """The module of Django's settings where it is not in `table`: a process has one set of settings."""
    conf = sys.modules.get("django.conf")
    if conf is None or not conf.settings.configured:
        return None
    name = getattr(conf.settings, "SETTINGS_MODULE", None)
    owner = owner_of(name) if isinstance(name, str) else None
    return name if owner is not None and owner.table is not table else None


def _built_on(library: str) -> set[str]:
    """The top-level names of installed packages that contain classes, functions or modules of `library`."""
    found = set()
    for name, module in sys.modules.copy().items():
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in found and top != "twistedsite":
            values = list(vars(module).values()) if isinstance(module, ModuleType) else []
            if any(_home(value) == library for value in values):
                found.add(top)
    return found


def _home(value: object) -> str:
    match value:
        case ModuleType():
            name = value.__name__
        case type() | FunctionType():
            name = value.__module__
        case _:
            return ""
    return name.partition(".")[0] if isinstance(name, str) else ""
