"""The import namespaces of a server: the scripts of each folder import modules of that folder.

A folder's settings may name an interpreter. Folders that name the same one share their modules. See `interpreter`.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.machinery
import itertools
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Sequence
from types import ModuleType
from typing import Final

from twistedsite.scripts.code.cache import CodeCache
from twistedsite.scripts.importing import hook
from twistedsite.scripts.importing.interpreter import PREFIX, Interpreter
from twistedsite.scripts.importing.modules import ModuleTable
from twistedsite.scripts.importing.plain_names import forget_names, owner_of
from twistedsite.scripts.messages.imports import PLAIN, ImportSettings
from twistedsite.scripts.messages.request import ScriptRequest

_SERIAL: Final = itertools.count(1)
"""Distinguishes the packages of two servers in one process that have the same folder."""

_Key = tuple[str, ImportSettings]


class Interpreters:
    """The interpreters of one server, at most `limit`; the least recently used one is dropped first."""

    def __init__(self, code: CodeCache, limit: int = 1024) -> None:
        self.code = code
        self._limit = limit
        self._tables: OrderedDict[_Key, ModuleTable] = OrderedDict()
        self._known: dict[_Key, Interpreter] = {}
        self._last: tuple[str, ImportSettings, Interpreter] | None = None
        """The last result of `get`, which needs no look-up."""
        self._by_package: dict[str, Interpreter] = {}
        self._lock = threading.RLock()
        sys.meta_path.insert(0, self)
        hook.install()

    def get(self, folder: str, imports: ImportSettings = PLAIN) -> Interpreter:
        """The interpreter for scripts in `folder`, an absolute path, whose settings say `imports`.

        From now on it is the running script's, in this context.
        """
        last = self._last
        if last is not None and last[0] == folder and (last[1] is imports or last[1] == imports):
            interpreter = last[2]
        else:
            with self._lock:
                interpreter = self._known.get((folder, imports)) or self._make(folder, imports)
                self._tables.move_to_end(_table_key(folder, imports))
                self._last = (folder, imports, interpreter)
        hook.current.set(interpreter)
        return interpreter

    def for_request(self, request: ScriptRequest) -> Interpreter:
        """The interpreter for the script of `request`, without modules whose files have changed (see `refresh`)."""
        interpreter = self.get(request.folder, request.imports)
        if request.autoreload:
            interpreter.refresh(request.filename, request.version)
        return interpreter

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """See importlib.abc.MetaPathFinder. It finds modules of sites only."""
        if not name.startswith(PREFIX):
            owner = owner_of(name)
            return owner.find(name, path) if owner is not None else None
        interpreter = self._by_package.get(name.partition(".")[0])
        return interpreter.find(name, path) if interpreter else None

    def close(self) -> None:
        """Drop all interpreters, and restore the import system."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
            hook.uninstall()
        with self._lock:
            while self._tables:
                self._drop(self._tables.popitem()[1])

    def _make(self, folder: str, imports: ImportSettings) -> Interpreter:
        key = _table_key(folder, imports)
        table = self._tables.get(key)
        if table is None:
            table = self._tables[key] = ModuleTable(self.code)
            while len(self._tables) > self._limit:
                self._drop(self._tables.popitem(last=False)[1])
        interpreter = self._known[folder, imports] = self._interpreter(table, folder, imports)
        return interpreter

    def _interpreter(self, table: ModuleTable, folder: str, imports: ImportSettings) -> Interpreter:
        known: Interpreter | None = table.interpreters.get((folder, imports))
        if known is not None:
            return known
        path = imports.pythonpath
        if path is None:
            shared = imports.interpreter_folder
            path = (folder, shared) if shared not in ("", folder) else (folder,)
        package = self._package(table, folder, "\0".join((imports.root, imports.interpreter, folder, *path)), imports)
        root = ""
        if imports.rootpkg:
            # Folders that share an interpreter share this package.
            root = table.roots.get(imports, "") or self._package(
                table, "", f"{imports.root}\0{imports.interpreter or folder}", imports
            )
        home = functools.partial(self._home, table, imports)
        interpreter = Interpreter(table, folder, package, path, home, imports, root)
        self._by_package[package] = table.interpreters[folder, imports] = interpreter
        if root and imports not in table.roots:
            table.roots[imports] = root
            self._by_package[root] = self._interpreter(table, imports.rootpkg_folder, imports)
        return interpreter

    def _home(self, table: ModuleTable, imports: ImportSettings, folder: str) -> str:
        """The synthetic package of `folder`, which is on a search path."""
        with self._lock:
            return self._interpreter(table, folder, imports).package

    def _package(self, table: ModuleTable, folder: str, identity: str, imports: ImportSettings) -> str:
        # The same name in every process and after a restart: it is in what scripts have pickled.
        named = "\0".join((identity, folder, imports.rootpkg, imports.rootpkg_folder))
        name = PREFIX + hashlib.sha256(os.fsencode(named)).hexdigest()[:12]
        if name in sys.modules:
            name = f"{name}_{next(_SERIAL)}"
        table.make_package(name, folder)
        return name

    def _drop(self, table: ModuleTable) -> None:
        self._last = None
        for package in table.packages:
            self._by_package.pop(package, None)
        for key in [key for key, interpreter in self._known.items() if interpreter.table is table]:
            del self._known[key]
        forget_names(table)
        table.close()


def _table_key(folder: str, imports: ImportSettings) -> _Key:
    """The key of a module table: a named interpreter, or a folder with its settings."""
    return (f"{imports.root}\0{imports.interpreter}", PLAIN) if imports.interpreter else (folder, imports)
