"""Handlers of installed packages: objects with `run(exchange, interpreters)`, found by their entry points."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final

GROUP: Final = "twistedsite.handlers"
"""The entry point group. The name of an entry is the handler's name in settings."""


@functools.cache
def installed_handlers() -> Mapping[str, EntryPoint]:
    """The installed handlers by name, as found at the first call: a new package is found after a restart."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def load_handler(name: str) -> object:
    """Import the installed handler `name`.

    Raises LookupError where there is none, TypeError where it has no `run`, and whatever its import raises.
    """
    entry = installed_handlers().get(name)
    if entry is None:
        raise LookupError(f"no handler {name!r} is installed (entry point group {GROUP})")
    handler = entry.load()
    if not callable(getattr(handler, "run", None)):
        raise TypeError(f"{entry.value} is no handler: it has no run(exchange, interpreters)")
    return handler
