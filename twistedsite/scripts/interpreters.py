"""Separate import namespaces: the scripts of a folder import their neighbours, those of another folder their own.

Every folder gets a synthetic package in `sys.modules`, named after its path, with the folder as its `__path__`. A
script's `import helper` is read as `import FOLDER.helper` where the folder has a `helper`, by the `__import__` among
the builtins that scripts and their neighbours see. So the import system's own locks, its treatment of circular
imports, and whatever looks a class's module up in `sys.modules` (dataclasses, pickle, typing) work as they always do.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib.machinery
import importlib.util
import itertools
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from types import CodeType, ModuleType
from typing import Any, Final

from twistedsite.scripts.code import CodeCache, file_version, is_settled, source_digest

_PREFIX: Final = "site_folder_"
_SERIAL: Final = itertools.count()
"""Tells the packages of two servers in one process apart."""
_ATTEMPTS: Final = 5
"""Times that a module is imported again because it went away: its loading failed elsewhere, or it was edited."""
_MOST_STRANGERS: Final = 1024
_EXTENSIONS: Final = tuple(importlib.machinery.EXTENSION_SUFFIXES)


class _SiteLoader(importlib.machinery.SourceFileLoader):
    """Loads a neighbour from its source: no `__pycache__` in the site, and never code that is older than the file."""

    def __init__(self, fullname: str, path: str, interpreter: Interpreter) -> None:
        super().__init__(fullname, path)
        self._interpreter = interpreter

    def get_code(self, fullname: str) -> CodeType:
        version = file_version(self.path)
        compiled = self._interpreter.code.get(self.path, version)
        self._interpreter.loaded[fullname] = _Loaded(self.path, version, compiled.digest)
        return compiled.code

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = self._interpreter.builtins
        code = self.get_code(module.__name__)
        try:
            exec(code, module.__dict__)  # noqa: S102  # as the import system does it
        finally:
            _feel_interrupt()


class _Loaded:
    """The file that a module was loaded from."""

    def __init__(self, path: str, version: str, digest: bytes) -> None:
        self._path = path
        self._version = version
        self._digest = digest

    def has_changed(self) -> bool:
        """Whether the file has other content by now, or none. A new version of the same content is no change."""
        try:
            version = file_version(self._path)
            if version == self._version:
                return False
            with open(self._path, "rb") as file:
                digest = source_digest(file.read())
        except OSError:
            return True
        self._version = version
        return digest != self._digest


class Interpreter:
    """The import namespace of one folder. Its modules stay loaded from the first request on."""

    def __init__(self, folder: str, package: str, code: CodeCache) -> None:
        self.folder = folder
        self.package = package
        self.code = code
        self.builtins: Final = {**vars(builtins), "__import__": self._import}
        self.loaded: dict[str, _Loaded] = {}
        """Full module name -> what it was loaded from."""
        self._importers: dict[str, set[str]] = {}
        self._strangers: set[tuple[str, int, int, int]] = set()
        """Names that nothing in the folder had, each with what changes when a name comes into the folder or goes."""
        self._lock = threading.Lock()
        self._make_package()

    def refresh(self) -> None:
        """Forget the modules whose files have changed, and those that have imported them."""
        if not self.loaded:
            return
        with self._lock:
            # Copies, because other threads go on loading.
            loaded = list(self.loaded.items())
            changed = [name for name, source in loaded if not _is_loading(name) and source.has_changed()]
            while changed:
                name = changed.pop()
                if self.loaded.pop(name, None) is not None:
                    self._forget(name)
                    changed.extend(self._importers.pop(name, ()))
                    changed.extend(inner for inner in list(self.loaded) if inner.startswith(name + "."))

    def close(self) -> None:
        """Forget every module."""
        with self._lock:
            for name in [*list(self.loaded), self.package]:
                self._forget(name)
            self.loaded.clear()
            self._importers.clear()

    def find(self, name: str, path: Sequence[str] | None) -> importlib.machinery.ModuleSpec | None:
        """The spec of the module `name` of this package, looked for in the folders `path`."""
        stem = name.rpartition(".")[2]
        for folder in path or ():
            base = os.path.join(folder, stem)
            if os.path.isfile(base + ".py"):
                return self._spec(name, base + ".py", None)
            if os.path.isfile(init := os.path.join(base, "__init__.py")):
                return self._spec(name, init, [base])
            for suffix in _EXTENSIONS:
                if os.path.isfile(base + suffix):
                    return importlib.util.spec_from_file_location(name, base + suffix)
        return None

    def _spec(self, name: str, filename: str, inside: list[str] | None) -> importlib.machinery.ModuleSpec | None:
        loader = _SiteLoader(name, filename, self)
        return importlib.util.spec_from_file_location(name, filename, loader=loader, submodule_search_locations=inside)

    def _make_package(self) -> None:
        package = ModuleType(self.package)
        package.__path__ = [self.folder]
        sys.modules[self.package] = package

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
        if not self._is_neighbour(top):
            return builtins.__import__(name, globals, locals, fromlist or (), 0)
        target = f"{self.package}.{name}"
        for _ in range(_ATTEMPTS):
            module = self._noting(importer, target, target, globals, locals, fromlist or ("__name__",), 0)
            # Python hands out a module that another thread was loading even if that has failed in the meantime.
            if sys.modules.get(target) is module:
                break
        return module if fromlist else sys.modules.get(f"{self.package}.{top}", module)

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
        if target.startswith(self.package):
            with self._lock:
                for part in (target, *(f"{target}.{item}" for item in fromlist or ())):
                    self._importers.setdefault(part, set()).add(importer)
        try:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        except ModuleNotFoundError as error:
            if error.name and error.name.startswith(self.package):
                own = error.name.removeprefix(self.package + ".")
                raise ModuleNotFoundError(f"No module named {own!r}", name=own) from None
            raise

    def _is_neighbour(self, top: str) -> bool:
        try:
            folder = os.stat(self.folder)
        except OSError:
            return False
        seen = (top, folder.st_dev, folder.st_ino, folder.st_ctime_ns)
        if seen in self._strangers:
            return False
        base = os.path.join(self.folder, top)
        if os.path.isfile(base + ".py") or os.path.isfile(os.path.join(base, "__init__.py")):
            return True
        if any(os.path.isfile(base + suffix) for suffix in _EXTENSIONS[:1]):
            return True
        # A folder, or a link to nothing, can become a module without the folder above it being touched.
        if is_settled(folder) and not any(map(os.path.lexists, (base, base + ".py", base + _EXTENSIONS[0]))):
            if len(self._strangers) >= _MOST_STRANGERS:
                self._strangers.clear()
            self._strangers.add(seen)
        return False

    def _forget(self, name: str) -> None:
        sys.modules.pop(name, None)
        parent, _, stem = name.rpartition(".")
        if parent in sys.modules:
            sys.modules[parent].__dict__.pop(stem, None)


class Interpreters:
    """The interpreters of one server, by folder; at most `limit`, the one unused for longest goes first."""

    def __init__(self, code: CodeCache, limit: int = 1024) -> None:
        self.code = code
        self._limit = limit
        self._serial = next(_SERIAL)
        self._by_folder: OrderedDict[str, Interpreter] = OrderedDict()
        self._last = ""
        """The folder asked for last: it need not be moved to the end again."""
        self._by_package: dict[str, Interpreter] = {}
        self._lock = threading.Lock()
        sys.meta_path.insert(0, self)

    def get(self, folder: str) -> Interpreter:
        """The interpreter of `folder`, an absolute path."""
        if folder == self._last and (interpreter := self._by_folder.get(folder)) is not None:
            return interpreter
        self._last = folder
        with self._lock:
            interpreter = self._by_folder.get(folder)
            if interpreter is None:
                package = f"{_PREFIX}{self._serial}_{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"
                interpreter = self._by_folder[folder] = Interpreter(folder, package, self.code)
                self._by_package[interpreter.package] = interpreter
            self._by_folder.move_to_end(folder)
            while len(self._by_folder) > self._limit:
                self._drop(self._by_folder.popitem(last=False)[1])
            return interpreter

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The import system's question (importlib.abc.MetaPathFinder): only our own packages are answered."""
        if not name.startswith(_PREFIX):
            return None
        interpreter = self._by_package.get(name.partition(".")[0])
        return interpreter.find(name, path) if interpreter else None

    def close(self) -> None:
        """Forget all, and leave the import system as it was."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        with self._lock:
            while self._by_folder:
                self._drop(self._by_folder.popitem()[1])

    def _drop(self, interpreter: Interpreter) -> None:
        self._by_package.pop(interpreter.package, None)
        interpreter.close()


def _feel_interrupt() -> None:
    """Have an interrupt that is pending in this thread raised by this call: in the import system, from which no other
    is let in, it would leave locks behind.
    """


def _is_loading(name: str) -> bool:
    """Whether the module is being executed for the first time; the import system would miss it at the end."""
    return bool(getattr(getattr(sys.modules.get(name), "__spec__", None), "_initializing", False))
