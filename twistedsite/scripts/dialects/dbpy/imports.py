"""`dbpy.dropbox_import`: files of the site as modules of one request."""

from __future__ import annotations

import os
import sys
from types import FrameType, ModuleType
from typing import Any, Final

from twistedsite.scripts.code.cache import file_version
from twistedsite.scripts.dialects.dbpy.files import spelled
from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.exchange.files import resolve
from twistedsite.scripts.importing.interpreter import Interpreter
from twistedsite.scripts.importing.main_module import also_known

_OURS: Final = __name__.rpartition(".")[0] + "."
_DOT: Final = "\N{ONE DOT LEADER}"
_SLASH: Final = "\N{DIVISION SLASH}"


class Imports:
    """The modules of one request. Each file is executed once, and gets the same `dbpy` as the script."""

    def __init__(self, exchange: Exchange, interpreter: Interpreter, dbpy: object) -> None:
        self._request = exchange.request
        self._interpreter = interpreter
        self._dbpy = dbpy
        self._loaded: dict[tuple[str, ...], ModuleType] = {}

    def load(self, *paths: str) -> None:
        """Load the files at `paths`, and set each in the caller's globals under its stem.

        Raises FileNotFoundError (an IOError), and what the code of a file raises.
        """
        caller = _caller(sys._getframe(1))
        for path in paths:
            segments = resolve(self._request.script[:-1], path)
            stem = segments[-1].partition(".")[0] if segments else ""
            if not stem.isidentifier():
                raise ImportError(f"{path!r} cannot be imported: {stem!r} is no name in Python")
            caller[stem] = self._loaded.get(segments) or self._load(segments)

    def _load(self, segments: tuple[str, ...]) -> ModuleType:
        filename = os.path.join(self._request.root, *segments)
        inside = os.path.realpath(self._request.root).rstrip(os.sep) + os.sep
        if not os.path.realpath(filename).startswith(inside):
            raise PermissionError(f"{spelled(segments)} leads out of the site")
        if not os.path.isfile(filename):
            raise FileNotFoundError(f"there is no file {spelled(segments)} to import")
        compiled = self._interpreter.code.get(filename, file_version(filename))
        # A name that no import statement can have.
        name = "".join(segment.replace(".", _DOT) + _SLASH for segment in segments).removesuffix(_SLASH)
        module = ModuleType(name)
        module.__file__ = filename
        vars(module).update(__builtins__=self._interpreter.builtins, dbpy=self._dbpy)
        # Set before it is executed: files may import each other.
        self._loaded[segments] = module
        try:
            with also_known(name, vars(module)):
                exec(compiled.code, vars(module))  # noqa: S102  # as the import system does it
        except BaseException:
            del self._loaded[segments]
            raise
        return module


def _caller(frame: FrameType | None) -> dict[str, Any]:
    """The globals of the site's code that has called this module."""
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith(_OURS):
        frame = frame.f_back
    assert frame is not None
    return frame.f_globals
