"""The use of a site's quota: measured from time to time, and counted in between."""

from __future__ import annotations

import contextlib
import errno
import threading
from collections.abc import Callable, Iterator
from typing import Final

MEASURE_FULL: Final = 5.0
"""Seconds between two measurements of a full site: files may have been removed other than by its scripts."""
MEASURE_AGAIN: Final = 300.0
"""Seconds for which a count is used: the site's author changes files too."""


class Quota:
    """The quota of one site: `limit` bytes. `measure` returns the bytes in use, `now` the time in seconds."""

    def __init__(self, limit: int, measure: Callable[[], int], now: Callable[[], float]) -> None:
        self._limit = limit
        self._measure = measure
        self._now = now
        self._used = 0
        self._measured: float | None = None
        self._guard = threading.Lock()

    @contextlib.contextmanager
    def taking(self, more: int, path: str) -> Iterator[None]:
        """Count `more` bytes as used, unless the block fails. A negative number is counted after the block.

        Raises OSError EDQUOT, about `path`, where fewer are left.
        """
        if more > 0:
            self._take(more, path)
        try:
            yield
        except BaseException:
            if more > 0:
                self._add(-more)
            raise
        if more < 0:
            self._add(more)

    def _take(self, more: int, path: str) -> None:
        with self._guard:
            age = None if self._measured is None else self._now() - self._measured
            full = self._used + more > self._limit
            if age is None or age > (MEASURE_FULL if full else MEASURE_AGAIN):
                self._used = self._measure()
                self._measured = self._now()
            if self._used + more > self._limit:
                text = f"the site may occupy {self._limit} bytes, and {self._used} of them are in use"
                raise OSError(errno.EDQUOT, text, path)
            self._used += more

    def _add(self, more: int) -> None:
        with self._guard:
            self._used += more
