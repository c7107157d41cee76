"""The names of folders in the order in which they are listed, kept as long as no name in the folder comes or goes.

Sorting the names of a big folder takes longer than everything else that a listing of it needs. What the names stand for
(size, time) is never kept: only the names of the page that is shown are looked at, at each request.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Final

import attrs

from twistedsite.origins.interface import Kind
from twistedsite.origins.listing import natural_key

MOST_NAMES: Final = 200_000
"""Names that are kept, of all folders together; the folder that was unused for longest goes first."""


@attrs.frozen
class SortedNames:
    """The names in a folder that a listing may show, in natural order."""

    folders: list[str]
    files: list[str]

    @classmethod
    def of(cls, found: Iterable[tuple[str, Kind]]) -> SortedNames:
        """Sort the names that were found, each with what it stands for."""
        ordered = sorted(found, key=lambda item: natural_key(item[0]))
        return cls(
            [name for name, kind in ordered if kind is Kind.FOLDER],
            [name for name, kind in ordered if kind is not Kind.FOLDER],
        )

    def names(self, *, descending: bool) -> list[str]:
        """All of them, folders first."""
        if descending:
            return [*reversed(self.folders), *reversed(self.files)]
        return self.folders + self.files


class SortedNamesCache:
    """The sorted names of a server's folders, each with the state of the folder that they were read in. Thread-safe."""

    def __init__(self, limit: int = MOST_NAMES) -> None:
        self._limit = limit
        self._kept: OrderedDict[Hashable, tuple[object, SortedNames]] = OrderedDict()
        self._names = 0
        self._lock = threading.Lock()

    def get(self, folder: Hashable, state: object) -> SortedNames | None:
        """The names of `folder`, if they were kept in the same `state`."""
        with self._lock:
            kept = self._kept.get(folder)
            if kept is None or kept[0] != state:
                return None
            self._kept.move_to_end(folder)
            return kept[1]

    def keep(self, folder: Hashable, state: object, names: SortedNames) -> None:
        """Keep `names` in place of what was kept of `folder`."""
        with self._lock:
            self._drop(folder)
            self._kept[folder] = (state, names)
            self._names += _count(names)
            while self._names > self._limit:
                self._drop(next(iter(self._kept)))

    def _drop(self, folder: Hashable) -> None:
        kept = self._kept.pop(folder, None)
        if kept is not None:
            self._names -= _count(kept[1])


def _count(names: SortedNames) -> int:
    return len(names.folders) + len(names.files) + 1
