"""A cache whose entries are checked before each use: an entry is given out only while its validity holds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeAlias, TypeVar

import attrs

from twistedsite.origins.interface import Validity

Key: TypeAlias = tuple[Hashable, ...]
"""The first item is the site."""
V = TypeVar("V")

OVERHEAD: Final = 4096
"""Bytes that an entry costs beside its value: key, signatures and paths."""


@attrs.define
class CacheEntry(Generic[V]):
    """A value that is kept."""

    key: Key
    value: V
    validity: Validity
    cost: int
    checked: int = 0
    """The tick at which the validity was last found to hold."""


class _Dropped:
    def holds(self) -> bool:
        return False


_DROPPED: Final = _Dropped()
"""The validity of an entry that is in no cache any more."""


class ValidatedCache(Generic[V]):
    """Values by key, of at most `limit` bytes together. The entry that was not used for longest goes first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[Key, CacheEntry[V]] = OrderedDict()
        self._cost = 0

    def find(self, key: Key, tick: int = 0) -> CacheEntry[V] | None:
        """Return the entry of `key`, or None where there is none that still holds. `tick`: see `holds`."""
        entry = self._entries.get(key)
        return entry if entry is not None and self.holds(entry, tick) else None

    def holds(self, entry: CacheEntry[V], tick: int) -> bool:
        """Return whether `entry`, one that this cache has returned, still holds; drop it otherwise.

        The requests of one `tick` had all arrived before the first of them was looked at. So an entry is checked once
        in a tick. 0: check in any case.
        """
        if tick and entry.checked == tick:
            return True
        if not entry.validity.holds():
            self._drop(entry.key)
            return False
        entry.checked = tick
        self._entries.move_to_end(entry.key)
        return True

    def get(self, key: Key) -> V | None:
        """Return the value of `key` without a check; None where there is none."""
        entry = self._entries.get(key)
        return None if entry is None else entry.value

    def keep(self, key: Key, value: V, validity: Validity, size: int) -> None:
        """Keep `value`, which takes `size` bytes, while `validity` holds."""
        self._drop(key)
        entry = self._entries[key] = CacheEntry(key, value, validity, size + OVERHEAD)
        self._cost += entry.cost
        while self._cost > self._limit:
            self._drop(next(iter(self._entries)))

    def forget(self, site: Hashable) -> None:
        """Drop all entries of `site`."""
        for key in [key for key in self._entries if key[0] is site]:
            self._drop(key)

    def _drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._cost -= entry.cost
            entry.validity = _DROPPED
