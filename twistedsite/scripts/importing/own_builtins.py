"""The builtins that the code of a site sees: Python's own, but for `__import__`."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

_spare: Final[list[dict[str, Any]]] = []


def own_builtins(importer: Callable[..., ModuleType]) -> dict[str, Any]:
    """A copy of Python's builtins in which `importer` is `__import__`."""
    try:
        names = _spare.pop()
    except IndexError:
        names = dict(vars(builtins))
    names["__import__"] = importer
    return names


def make_spare() -> None:
    """Make the next copy now: for a process that forks, where no script can have changed the builtins before its use.

    To copy them is to count a reference to each, all over the interpreter's data: some 60 pages of memory, which a
    forked process then has for itself alone.
    """
    if not _spare:
        _spare.append(dict(vars(builtins)))
