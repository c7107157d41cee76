"""Sessions in this process's memory: the default. They end with the server, and hold any Python value.

Values that are JSON count towards a session's size; others do not, and need only be copyable.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager

import msgspec

from twistedsite.sessions.interface import SessionData
from twistedsite.sessions.locks import LockTable
from twistedsite.sessions.values import Frozen, check_size, freeze, stored_name, thaw
from twistedsite.settings.server import SessionSettings

PURGE = 100
"""Most expired sessions dropped in one go."""


class _Kept(msgspec.Struct):
    data: Frozen
    created: float
    used: float


class MemoryStore:
    """A ServerSessionStore. `clock` gives the time in seconds, from any origin."""

    def __init__(self, settings: SessionSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._locks = LockTable()
        self._guard = threading.Lock()
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        """Least recently used first."""

    def for_site(self, site: str, settings: SessionSettings) -> MemoryStore:
        return MemoryStore(settings, self._clock)

    def drop_older(self, seconds: float) -> None:
        """Does nothing: before any site is asked for, memory holds no session."""

    def lock(self, id: str, timeout: float) -> AbstractContextManager[None]:
        return self._locks.lock(stored_name(id), timeout)

    def load(self, id: str) -> SessionData | None:
        name = stored_name(id)
        now = self._clock()
        with self._guard:
            kept = self._kept.get(name)
            if kept is None:
                return None
            if self._expired(kept, now):
                del self._kept[name]
                return None
            self._use(name, kept, now)
            data = kept.data
        return thaw(data)

    def save(self, id: str, data: SessionData) -> None:
        name = stored_name(id)
        frozen = freeze(data)
        check_size(frozen.text, self._settings.size)
        now = self._clock()
        with self._guard:
            kept = self._kept.get(name)
            if kept is None:
                kept = self._kept[name] = _Kept(frozen, now, now)
            kept.data = frozen
            self._use(name, kept, now)
            self._trim(now)

    def rename(self, old: str, new: str) -> None:
        with self._guard:
            if kept := self._kept.pop(stored_name(old), None):
                self._kept[stored_name(new)] = kept

    def delete(self, id: str) -> None:
        with self._guard:
            self._kept.pop(stored_name(id), None)

    def close(self) -> None:
        with self._guard:
            self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)

    def _use(self, name: bytes, kept: _Kept, now: float) -> None:
        kept.used = now
        self._kept.move_to_end(name)

    def _expired(self, kept: _Kept, now: float) -> bool:
        return now >= kept.used + self._settings.idle or now >= kept.created + self._settings.absolute

    def _trim(self, now: float) -> None:
        while len(self._kept) > self._settings.limit:
            self._kept.popitem(last=False)
        for _ in range(PURGE):
            name, kept = next(iter(self._kept.items()), (b"", None))
            if kept is None or not self._expired(kept, now):
                return
            del self._kept[name]
