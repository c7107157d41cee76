"""A table of states and events: what a thing becomes by what happens to it. Only a table decides that."""

from __future__ import annotations

from typing import NoReturn


class ImpossibleEventError(Exception):
    """Something has happened that cannot happen in that state: a fault of the server's own."""


class Transitions(dict[tuple[str, str], str]):
    """(state, event) -> the next state; raises ImpossibleEventError for what is not in the table."""

    def __missing__(self, key: tuple[str, str]) -> NoReturn:
        state, event = key
        raise ImpossibleEventError(f"{event} while {state}")
