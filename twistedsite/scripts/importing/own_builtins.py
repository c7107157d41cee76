"""The builtins of a site's code: Python's own, except for `__import__`."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

_spare: Final[list[dict[str, Any]]] = []


def own_builtins(importer: Callable[..., ModuleType]) -> dict[str, Any]:
    """A copy of Python's builtins with `importer` as `__import__`."""
    try:
        names = _spare.pop()
    except IndexError:
        names = dict(vars(builtins))
    names["__import__"] = importer
    return names


def make_spare() -> None:
    """Make the next copy now, in a process that forks and has run no script that could change the builtins.

    A copy changes the reference count of each builtin, all over the interpreter's data: some 60 pages of memory, which
    a forked process would then have for itself alone.
    """
    if not _spare:
        _spare.append(dict(vars(builtins)))
