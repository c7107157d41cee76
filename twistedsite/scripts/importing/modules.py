"""The modules of one interpreter: what each was loaded from, which modules import it, and which are out of date."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from types import CodeType, ModuleType
from typing import Any, Final, Protocol

from twistedsite.origins.version import is_settled
from twistedsite.scripts.code.cache import CodeCache, file_version, source_digest
from twistedsite.scripts.importing.process_state import importing
from twistedsite.scripts.messages.imports import ImportSettings

_MOST_ABSENT: Final = 1024
EXTENSIONS: Final = tuple(importlib.machinery.EXTENSION_SUFFIXES)


class Loaded(Protocol):
    """The source of a module."""

    def has_changed(self, filename: str, version: str) -> bool:
        """Whether it has changed since. The file `filename` is known to have `version`."""
        ...


class _LoadedFile:
    """The file that a module was loaded from."""

    def __init__(self, path: str, version: str, digest: bytes) -> None:
        self._path = path
        self._version = version
        self._digest = digest

    def has_changed(self, filename: str, version: str) -> bool:
        """See `Loaded`. A new version with the same content is no change."""
        if self._version == version and self._path == filename:
            return False
        try:
            version = file_version(self._path)
            if version == self._version:
                return False
            with open(self._path, "rb") as file:
                digest = source_digest(file.read())
        except OSError:
            return True
        if digest != self._digest:
            # The version is not updated: the module may be loading now, and be dropped only at a later call.
            return True
        self._version = version
        return False


class _LoadedFolder:
    """The folder without an `__init__.py` of a namespace package."""

    def __init__(self, path: str) -> None:
        self._path = path

    def has_changed(self, filename: str, version: str) -> bool:
        """See `Loaded`."""
        return not os.path.isdir(self._path) or os.path.isfile(os.path.join(self._path, "__init__.py"))


class SiteLoader(importlib.machinery.SourceFileLoader):
    """Loads a module of a site from its source: without a `__pycache__` in the site, and never an older version."""

    def __init__(self, fullname: str, path: str, table: ModuleTable, builtins: dict[str, Any]) -> None:
        super().__init__(fullname, path)
        self._table = table
        self._builtins = builtins

    def get_code(self, fullname: str) -> CodeType:
        version = file_version(self.path)
        compiled = self._table.code.get(self.path, version)
        self._table.loaded[fullname] = _LoadedFile(self.path, version, compiled.digest)
        return compiled.code

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = self._builtins
        code = self.get_code(module.__name__)
        try:
            with importing():
                exec(code, module.__dict__)  # noqa: S102  # as the import system does it
        finally:
            _raise_pending_interrupt()


class ModuleTable:
    """All modules of one interpreter, by full name. They stay loaded across requests."""

    def __init__(self, code: CodeCache) -> None:
        self.code = code
        self.loaded: dict[str, Loaded] = {}
        self.scripts: dict[str, tuple[str, dict[str, Any]]] = {}
        """Full name -> file and builtins, for scripts that are modules."""
        self.folders: dict[str, str] = {}
        """Full name -> folder, for the packages that contain them."""
        self.packages: set[str] = set()
        """The synthetic packages, one for each folder on a search path."""
        self.roots: dict[ImportSettings, str] = {}
        """The synthetic packages that contain `rootpkg`."""
        self.interpreters: dict[tuple[str, ImportSettings], Any] = {}
        """Folder and settings -> the Interpreter for code in it."""
        self.plain: set[str] = set()
        """The top-level names of modules that have no synthetic package: see `plain_names`."""
        self._importers: dict[str, set[str]] = {}
        self._absent: set[tuple[str, int, int, int]] = set()
        """Names that a folder does not have, each with the stat fields that change when a name is added or removed."""
        self._lock = threading.Lock()

    def make_package(self, name: str, folder: str) -> None:
        """Make a synthetic package of `folder`."""
        package = ModuleType(name)
        package.__path__ = [folder] if folder else []
        sys.modules[name] = package
        self.packages.add(name)

    def refresh(self, filename: str = "", version: str = "") -> bool:
        """Drop the modules whose files have changed, and those that have imported them.

        `version`, where it is known, is that of `filename`, whose file is then not read again. Returns whether a module
        with a plain name was among them: then all modules are dropped.
        """
        if not self.loaded:
            return False
        with self._lock:
            # A copy, because other threads go on loading. `copy` is atomic; a list of the pairs would not be.
            loaded = self.loaded.copy().items()
            changed = [name for name, source in loaded if source.has_changed(filename, version)]
            plain = bool(self.plain) and any(name.partition(".")[0] in self.plain for name in changed)
            if plain:
                changed = [name for name, _ in loaded]
            for name in changed:
                group = self._with_dependents(name)
                # The import system fails where a module disappears while it loads: then the group waits.
                if not any(map(is_loading, group)):
                    for one in group:
                        del self.loaded[one]
                        self._importers.pop(one, None)
                        self._remove(one)
        return plain

    def _with_dependents(self, name: str) -> set[str]:
        """The loaded modules among these: `name`, the modules that import it, and its submodules, recursively."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            name = waiting.pop()
            if name in self.loaded and name not in found:
                found.add(name)
                waiting.extend(self._importers.get(name, ()))
                waiting.extend(inner for inner in list(self.loaded) if inner.startswith(name + "."))
        return found

    def has_module(self, folder: str, name: str) -> bool:
        """Whether `folder` has a module or package `name`, other than a namespace package."""
        now = time.time_ns()
        try:
            status = os.stat(folder)
        except OSError:
            return False
        seen = (name, status.st_dev, status.st_ino, status.st_ctime_ns)
        if seen in self._absent:
            return False
        base = os.path.join(folder, name)
        if os.path.isfile(base + ".py") or os.path.isfile(os.path.join(base, "__init__.py")):
            return True
        if any(os.path.isfile(base + suffix) for suffix in EXTENSIONS[:1]):
            return True
        # A folder, or a dangling link, can become a module without a change of the folder above it.
        if is_settled(status, now) and not any(map(os.path.lexists, (base, base + ".py", base + EXTENSIONS[0]))):
            if len(self._absent) >= _MOST_ABSENT:
                self._absent.clear()
            self._absent.add(seen)
        return False

    def note(self, importer: str, imported: Iterable[str]) -> None:
        """Record that the module `importer` has imported these."""
        with self._lock:
            for name in imported:
                self._importers.setdefault(name, set()).add(importer)

    def close(self) -> None:
        """Drop all modules."""
        with self._lock:
            for name in [name for name in list(sys.modules) if name.partition(".")[0] in self.packages]:
                self._remove(name)
            self.loaded.clear()
            self._importers.clear()
            self.packages.clear()

    def find(
        self, name: str, path: Sequence[str] | None, builtins: dict[str, Any]
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of the module `name`, searched in the folders `path`, to be run with `builtins`."""
        if (script := self.scripts.get(name)) is not None:
            return self._spec(name, script[0], None, script[1])
        if (package := self.folders.get(name)) is not None:
            init = os.path.join(package, "__init__.py")
            # Those above `rootpkg` are no folders: a relative path would begin in the folder of the running script.
            has_init = bool(package) and os.path.isfile(init)
            return self._spec(name, init, [package], builtins) if has_init else self._bare(name, package)
        stem = name.rpartition(".")[2]
        for folder in path or ():
            base = os.path.join(folder, stem)
            if os.path.isfile(base + ".py"):
                return self._spec(name, base + ".py", None, builtins)
            if os.path.isfile(init := os.path.join(base, "__init__.py")):
                return self._spec(name, init, [base], builtins)
            for suffix in EXTENSIONS:
                if os.path.isfile(base + suffix):
                    return importlib.util.spec_from_file_location(name, base + suffix)
        for folder in path or ():
            if os.path.isdir(base := os.path.join(folder, stem)):
                return self._bare(name, base)
        return None

    def _spec(
        self, name: str, filename: str, inside: list[str] | None, builtins: dict[str, Any]
    ) -> importlib.machinery.ModuleSpec | None:
        loader = SiteLoader(name, filename, self, builtins)
        return importlib.util.spec_from_file_location(name, filename, loader=loader, submodule_search_locations=inside)

    def _bare(self, name: str, folder: str) -> importlib.machinery.ModuleSpec:
        """A namespace package (PEP 420)."""
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [folder] if folder else []
        if folder:
            self.loaded[name] = _LoadedFolder(folder)
        return spec

    def _remove(self, name: str) -> None:
        sys.modules.pop(name, None)
        parent, _, stem = name.rpartition(".")
        if parent in sys.modules:
            sys.modules[parent].__dict__.pop(stem, None)


def is_loading(name: str) -> bool:
    """Whether the module is being imported. The import system fails where it is removed meanwhile."""
    return bool(getattr(getattr(sys.modules.get(name), "__spec__", None), "_initializing", False))


def _raise_pending_interrupt() -> None:
    """Raise here an interrupt that is pending in this thread. Raised later, in the import system, it would leave locks
    held.
    """
