"""The names of folders in the order in which they are listed, kept as long as no name in the folder comes or goes.

Sorting the names of a big folder takes longer than everything else that a listing of it needs. What the names stand for
(size, time) is never kept: only the names of the page that is shown are looked at, at each request.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import attrs

from twistedsite.origins.interface import Entry, Kind
from twistedsite.origins.local import LocalFolder
from twistedsite.pages.listing import natural_key
from twistedsite.resources.cache.signatures import settled_by

MOST_NAMES: Final = 200_000
"""Names that are kept, of all folders together; the folder that was unused for longest goes first."""


@attrs.frozen
class Order:
    """The names in a folder that a listing may show, in natural order."""

    folders: list[str]
    files: list[str]

    def names(self, *, descending: bool) -> list[str]:
        """All of them, folders first."""
        if descending:
            return [*reversed(self.folders), *reversed(self.files)]
        return self.folders + self.files


class Orders:
    """The orders of a server's folders. For any thread. `now` gives the time in seconds since the epoch."""

    def __init__(self, now: Callable[[], float], limit: int = MOST_NAMES) -> None:
        self._now = now
        self._limit = limit
        self._kept: OrderedDict[tuple[int, int], tuple[int, Order]] = OrderedDict()
        """Device and inode of a folder -> the time of its last change, in nanoseconds, and its order."""
        self._names = 0
        self._lock = threading.Lock()

    def of(self, folder: LocalFolder) -> Order | None:
        """The order of `folder`; None where it holds symbolic links: what these stand for may change unseen."""
        status = folder.status()
        key, changed = (status.st_dev, status.st_ino), status.st_ctime_ns
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept[0] == changed:
                self._kept.move_to_end(key)
                return kept[1]
        found = [item for item in folder.names() if is_listed(*item)]
        if any(kind is None for _, kind in found):
            return None
        found.sort(key=lambda item: natural_key(item[0]))
        order = Order(
            [name for name, kind in found if kind is Kind.FOLDER], [name for name, kind in found if kind is Kind.FILE]
        )
        if changed <= settled_by(self._now()):
            self._keep(key, changed, order)
        return order

    def _keep(self, key: tuple[int, int], changed: int, order: Order) -> None:
        with self._lock:
            self._drop(key)
            self._kept[key] = (changed, order)
            self._names += len(order.folders) + len(order.files) + 1
            while self._names > self._limit:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: tuple[int, int]) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._names -= len(kept[1].folders) + len(kept[1].files) + 1


def is_listed(name: str, kind: Kind | None) -> bool:
    """Whether a listing shows `name`, which stands for `kind`; None: for what is not known yet."""
    return kind in (Kind.FILE, Kind.FOLDER, None) and not name.startswith(("_", "."))


def listed(entries: list[Entry]) -> list[Entry]:
    """Those of `entries` that a listing shows."""
    return [entry for entry in entries if is_listed(entry.name, entry.kind)]
