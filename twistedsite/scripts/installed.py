"""Handlers that other packages bring: objects with `run(exchange, interpreters)`, found by their entry points."""

from __future__ import annotations

import functools
from importlib.metadata import entry_points
from typing import Final

GROUP: Final = "twistedsite.handlers"
"""The entry point group; the name of an entry is what settings call the handler."""


@functools.cache
def installed_handlers() -> frozenset[str]:
    """The names of all that are installed when this is first asked: a new package is seen at the next start."""
    return frozenset(entry.name for entry in entry_points(group=GROUP))


def load_handler(name: str) -> object:
    """The installed handler `name`, imported.

    Raises LookupError where there is none, TypeError where it has no `run`, or what its import raises.
    """
    found = tuple(entry_points(group=GROUP, name=name))
    if not found:
        raise LookupError(f"no handler {name!r} is installed (entry point group {GROUP})")
    handler = found[0].load()
    if not callable(getattr(handler, "run", None)):
        raise TypeError(f"{found[0].value} is no handler: it has no run(exchange, interpreters)")
    return handler


__all__ = ["GROUP", "installed_handlers", "load_handler"]
