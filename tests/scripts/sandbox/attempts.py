"""The collection of attempts that a module makes: each function a way out, with what must stop it beside it."""

from __future__ import annotations

import errno
import signal
from collections.abc import Callable, Mapping
from typing import Final

from cell import Act, Attempt, Case

LANDLOCK: Final = "files"
SECCOMP: Final = "system calls"
LIMITS: Final = "limits"
USER: Final = "own user"

Attempts = dict[str, Attempt]


def attempts() -> tuple[Attempts, Callable[..., Callable[[Act], Act]]]:
    """An empty collection, and the decorator that adds to it."""
    collection: Attempts = {}

    def attempt(
        stopped_by: Mapping[str, int | str | signal.Signals],
        root: bool = False,
        apart_from: str = "",
        after: Callable[[Case], object] = lambda case: None,
        **policy: object,
    ) -> Callable[[Act], Act]:
        def add(act: Act) -> Act:
            stops = {name: _named(how) for name, how in stopped_by.items()}
            collection[act.__name__] = Attempt(act, stops, policy, root, apart_from, after)
            return act

        return add

    return collection, attempt


def _named(how: int | str | signal.Signals) -> str:
    if isinstance(how, signal.Signals):
        return how.name
    return how if isinstance(how, str) else errno.errorcode[how]
