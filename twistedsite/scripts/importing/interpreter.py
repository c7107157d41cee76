"""The import namespace of one folder: its search path, and the `__import__` that applies it.

Each folder on a search path has a synthetic package in `sys.modules`, with the folder as its `__path__`. Code of a site
has builtins of its own, whose `__import__` reads `import helper` as `import PACKAGE.helper` where such a folder has a
`helper`. So the import system's locks, circular imports, and all that looks up a class's module in `sys.modules`
(dataclasses, pickle, typing) work as usual.
"""

from __future__ import annotations

import builtins
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, Final

from twistedsite.scripts.code.cache import CodeCache, Compiled
from twistedsite.scripts.exchange.own_sys import running
from twistedsite.scripts.importing.hook import load_module
from twistedsite.scripts.importing.main_module import be_main
from twistedsite.scripts.importing.modules import ModuleTable, is_loading
from twistedsite.scripts.importing.own_builtins import own_builtins
from twistedsite.scripts.importing.plain_names import PlainNames, forget_names, owner_of
from twistedsite.scripts.messages.imports import ImportSettings

PREFIX: Final = "site_folder_"
"""The prefix of the names of all synthetic packages."""
_DOT: Final = "\N{ONE DOT LEADER}"
_ATTEMPTS: Final = 5
"""Most attempts to import a module that disappears: another thread failed to load it, or it was edited."""


class Interpreter:
    """The import namespace of one folder. Its modules are in `table`, which it may share with others.

    `package` is the name of the folder's synthetic package, and `root` that of the one that contains the package
    `rootpkg` of `imports`. `home` returns the synthetic package of a folder on the search path `path`.
    """

    def __init__(
        self,
        table: ModuleTable,
        folder: str,
        package: str,
        path: tuple[str, ...],
        home: Callable[[str], str],
        imports: ImportSettings,
        root: str,
    ) -> None:
        self.table = table
        self.folder = folder
        self.package = package
        self.path = path
        self.builtins: Final = own_builtins(self._import)
        self.plain: Final = PlainNames(table, path)
        self._home = home
        self._rootpkg = imports.rootpkg
        self._rootpkg_folder = imports.rootpkg_folder
        self._shadow_stdlib = imports.shadow_stdlib
        self._root = root
        self._names: dict[str, str] = {}
        if self._rootpkg:
            self._name_rootpkg()

    @property
    def code(self) -> CodeCache:
        """The compiled files."""
        return self.table.code

    def refresh(self, filename: str = "", version: str = "") -> None:
        """See `ModuleTable.refresh`."""
        if self.table.refresh(filename, version):
            forget_names(self.table)

    def load(self, filename: str) -> ModuleType:
        """The script `filename` of this folder as a module. It is imported once, and again after it was dropped.

        Raises what its code raises, and FileNotFoundError where the file has been deleted.
        """
        name = self._names.get(filename) or self._script_name(filename)
        known = sys.modules.get(name)
        if known is not None and not is_loading(name):
            return known
        for _ in range(_ATTEMPTS):
            module = load_module(name)
            # Python also returns a module that another thread was loading and has failed to load.
            if sys.modules.get(name) is module:
                break
        return module

    def main_namespace(self, compiled: Compiled, given: Mapping[str, Any]) -> dict[str, Any]:
        """The globals for running `compiled` as a program of this folder, with the names `given`."""
        namespace = {
            "__name__": "__main__",
            "__file__": compiled.code.co_filename,
            "__package__": self.package,
            "__builtins__": self.builtins,
            "__given__": frozenset(given),
            **given,
        }
        if compiled.outline.has_code:
            be_main(namespace)
        return namespace

    def import_module(self, name: str, importer: dict[str, Any]) -> ModuleType:
        """See `Importer`."""
        return self._import(name, importer, None, ("__name__",), 0)

    def find(self, name: str, path: Sequence[str] | None) -> importlib.machinery.ModuleSpec | None:
        """The spec of the module `name` of this folder's package, searched in the folders `path`."""
        return self.table.find(name, path, self.builtins)

    def _script_name(self, filename: str) -> str:
        # A part of a module's name has no dot. The replacement is unlikely to be in another name of the site.
        stem = os.path.splitext(os.path.basename(filename))[0].replace(".", _DOT)
        parent = self._script_package(os.path.dirname(filename))
        name = f"{parent}.{stem}"
        while self.table.scripts.get(name, (filename,))[0] != filename:
            name += "_"
        self.table.scripts[name] = (filename, self.builtins)
        self._names[filename] = name
        return name

    def _script_package(self, folder: str) -> str:
        """The package in which a script of `folder` is a module: one in `rootpkg`, where the folder is below that."""
        inner = os.path.relpath(folder, self._rootpkg_folder) if self._rootpkg else os.pardir
        if inner.split(os.sep)[0] == os.pardir:
            return self.package
        parent, folder = f"{self._root}.{self._rootpkg}", self._rootpkg_folder
        for part in inner.split(os.sep) if inner != os.curdir else ():
            parent, folder = f"{parent}.{part.replace('.', _DOT)}", os.path.join(folder, part)
            self.table.folders[parent] = folder
        return parent

    def _name_rootpkg(self) -> None:
        """Register `rootpkg`, and the packages above it, which are empty."""
        name = self._root
        for part in self._rootpkg.split("."):
            name = f"{name}.{part}"
            self.table.folders.setdefault(name, "")
        self.table.folders[name] = self._rootpkg_folder

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        importer = str((globals or {}).get("__name__", ""))
        if level > 0:
            target = importlib.util.resolve_name("." * level + name, str((globals or {}).get("__package__") or ""))
            return self._noting(importer, target, name, globals, locals, fromlist, level)
        top = name.partition(".")[0]
        owner = owner_of(top)
        is_plain = owner is not None and owner.table is self.table
        package = None if is_plain else self._package_of(top)
        if package is None:
            try:
                return builtins.__import__(name, globals, locals, fromlist or (), 0)
            except ModuleNotFoundError as error:
                package = self._namespace_of(top) if error.name == top else None
                if package is None:
                    raise
        target = f"{package}.{name}"
        for _ in range(_ATTEMPTS):
            module = self._noting(importer, target, target, globals, locals, fromlist or ("__name__",), 0)
            # As in `load`.
            if sys.modules.get(target) is module:
                break
        return module if fromlist else sys.modules.get(f"{package}.{top}", module)

    def _noting(
        self,
        importer: str,
        target: str,
        name: str,
        globals: Mapping[str, Any] | None,
        locals: Mapping[str, Any] | None,
        fromlist: Sequence[str] | None,
        level: int,
    ) -> ModuleType:
        if target.startswith(PREFIX):
            self.table.note(importer, (target, *(f"{target}.{item}" for item in fromlist or ())))
        try:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        except ModuleNotFoundError as error:
            if error.name and error.name.startswith(PREFIX):
                own = error.name.partition(".")[2]
                raise ModuleNotFoundError(f"No module named {own!r}", name=own) from None
            raise

    def _package_of(self, top: str) -> str | None:
        """The synthetic package in which code of this folder finds the module `top`."""
        if self._rootpkg and top == self._rootpkg.partition(".")[0]:
            return self._root
        if top in sys.stdlib_module_names and not self._shadow_stdlib:
            return None
        script = running.get()
        added = [] if script is None else script.added_path()
        path = [*added, *self.path] if added else self.path
        return next((self._home(folder) for folder in path if self.table.has_module(folder, top)), None)

    def _namespace_of(self, top: str) -> str | None:
        """The same for a folder `top` without `__init__.py`, used only where nothing else is found (PEP 420)."""
        found = (folder for folder in self.path if os.path.isdir(os.path.join(folder, top)))
        return next((self._home(folder) for folder in found), None)
