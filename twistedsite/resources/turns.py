"""One number for each turn of the reactor: what was checked in this turn need not be checked again in it.

A turn begins when the reactor asks the system which sockets are ready. Whatever is read first from one of them has been
on its way before that, and so before anything that is looked at during the turn.
"""

from __future__ import annotations

import time
from typing import Final

from twistedsite.resources.background import Reactor

_LONGEST: Final = 0.05
"""Seconds after which a new number begins in any case: a clock that was set back delays the reactor's calls."""

_IN_ORDER: Final = "twisted.internet.epollreactor"
"""The reactor whose delayed calls are known to come before the next batch of ready sockets, not after it."""


class Turns:
    """Counts the turns of `reactor`, while somebody asks; where it cannot tell them apart, each call is its own."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._in_order = type(reactor).__module__ == _IN_ORDER
        self._number = 0
        self._ends = 0.0

    def current(self) -> int:
        """Return the number of the present turn."""
        now = time.monotonic()
        if now >= self._ends:
            self._number += 1
            if self._in_order:
                self._ends = now + _LONGEST
                self._reactor.callLater(0, self._over)
        return self._number

    def _over(self) -> None:
        self._ends = 0.0
