"""`import dbpy`: one module for all requests, which passes each access on to the request of the calling thread.

So a module that stays loaded across requests may import it, even by `from dbpy import http`, and mixes no visitors up.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterator, MutableMapping
from contextvars import ContextVar
from types import ModuleType
from typing import Any, Final

from twistedsite.scripts.dialects.dbpy.namespace import Dbpy

_current: Final[ContextVar[Dbpy | None]] = ContextVar("dbpy", default=None)


def _find(path: str) -> Any:
    dbpy = _current.get()
    if dbpy is None:
        raise RuntimeError(f"dbpy{path and '.' + path} belongs to a request, and this thread answers none")
    return operator.attrgetter(path)(dbpy) if path else dbpy


class _CurrentPart:
    """Stands for a part of the current request's `dbpy`."""

    def __init__(self, path: str) -> None:
        self.__path = path

    def __getattr__(self, name: str) -> Any:
        return getattr(_find(self.__path), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _find(self.__path)(*args, **kwargs)


class _CurrentSession(MutableMapping[str, Any]):
    """Stands for the current request's `dbpy.session`."""

    def __getitem__(self, name: str) -> Any:
        return _find("session")[name]

    def __setitem__(self, name: str, value: Any) -> None:
        _find("session")[name] = value

    def __delitem__(self, name: str) -> None:
        del _find("session")[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_find("session"))

    def __len__(self) -> int:
        return len(_find("session"))

    def __getattr__(self, name: str) -> Any:
        return getattr(_find("session"), name)


def _make_module() -> ModuleType:
    module = ModuleType("dbpy", "What the current request's script finds as `dbpy`.")
    names = [name for name in vars(Dbpy) if not name.startswith("_")]
    vars(module).update({name: _CurrentPart(name) for name in names}, session=_CurrentSession())
    io = _CurrentPart("io")
    vars(io).update(file=_CurrentPart("io.file"), json=_CurrentPart("io.json"))
    module.io = io  # type: ignore[attr-defined]  # a module may have any attribute
    return module


class answering:  # noqa: N801  # used as a function, like contextlib's own
    """A context in which the module `dbpy` stands for `dbpy`."""

    def __init__(self, dbpy: Dbpy) -> None:
        self._dbpy = dbpy

    def __enter__(self) -> None:
        # Set again where code has removed it.
        sys.modules.setdefault("dbpy", _module)
        self._token = _current.set(self._dbpy)

    def __exit__(self, *raised: object) -> None:
        _current.reset(self._token)


_module: Final = _make_module()
