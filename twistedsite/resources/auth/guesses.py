"""Who guesses passwords: counts, for each address, the different credentials that have not turned out right.

The same wrong password sent again is no further guess: a browser sends it with each of a page's pictures.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import attrs

from twistedsite.settings.auth import AuthSettings

MOST_ADDRESSES: Final = 10_000
"""Addresses that are counted for; the one that came first goes first."""


@attrs.define
class _Guesses:
    """Of one address."""

    ends: float
    """When they are forgotten."""
    tried: set[bytes] = attrs.Factory(set)
    """Digests of credentials that were wrong, or are being checked."""
    wrong: set[bytes] = attrs.Factory(set)
    locked: bool = False


class GuessCount:
    """Guesses of all addresses. `now` gives seconds, of a clock that does not go back."""

    def __init__(self, limits: AuthSettings, now: Callable[[], float]) -> None:
        self._limits = limits
        self._now = now
        self._by_address: OrderedDict[str, _Guesses] = OrderedDict()

    def locked_for(self, address: str, digest: bytes) -> int:
        """Seconds for which credentials of `digest` are not looked at, coming from `address`; 0: they may be tried."""
        if not self._limits.attempts:
            return 0
        known = self._current(address)
        if known is None or not (known.locked or len(known.tried | {digest}) > self._limits.attempts):
            return 0
        if not known.locked:
            known.locked = True
            known.ends = self._now() + self._limits.lockout
        return max(1, math.ceil(known.ends - self._now()))

    def begins(self, address: str, digest: bytes) -> None:
        """Credentials of `digest` are about to be checked."""
        if not self._limits.attempts:
            return
        known = self._current(address)
        if known is None:
            known = self._by_address[_network(address)] = _Guesses(self._now() + self._limits.window)
            if len(self._by_address) > MOST_ADDRESSES:
                self._by_address.popitem(last=False)
        known.tried.add(digest)

    def right(self, address: str) -> None:
        """They were right: the address starts anew."""
        self._by_address.pop(_network(address), None)

    def wrong(self, address: str, digest: bytes) -> None:
        """They were wrong."""
        if known := self._current(address):
            known.wrong.add(digest)

    def undecided(self, address: str, digest: bytes) -> None:
        """It did not come to an answer: this was no guess."""
        known = self._current(address)
        if known is not None and digest not in known.wrong:
            known.tried.discard(digest)

    def was_wrong(self, address: str, digest: bytes) -> bool:
        """Whether the same credentials were wrong a moment ago."""
        known = self._current(address)
        return known is not None and digest in known.wrong

    def _current(self, address: str) -> _Guesses | None:
        network = _network(address)
        known = self._by_address.get(network)
        if known is not None and known.ends <= self._now():
            del self._by_address[network]
            return None
        return known


def _network(address: str) -> str:
    """What counts as one address: of IPv6 all that one customer has, 64 bits of it."""
    if ":" not in address:
        return address
    try:
        number = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    if number.ipv4_mapped is not None:
        return str(number.ipv4_mapped)
    return str(ipaddress.IPv6Network((number, 64), strict=False))
