"""How long each script takes, as far as has been seen: this decides which script may wait behind which."""

from __future__ import annotations

import math
from typing import Final

_MOST: Final = 1024
"""Scripts that are remembered."""
_WEIGHT: Final = 0.25
"""Of the last run in the average."""
_LEAST: Final = 0.00001
"""Seconds that every script takes."""


class RunTimes:
    """Of the scripts of one site."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def expected(self, script: str) -> float:
        """Seconds that `script` will take: the average of its last runs; infinite where it has not been seen."""
        return self._seconds.get(script, math.inf)

    def note(self, script: str, seconds: float) -> None:
        """`script` has taken `seconds`."""
        before = self._seconds.get(script)
        if before is None:
            if len(self._seconds) >= _MOST:
                self._seconds.clear()
            before = seconds
        # It grows to the double at most: one run for which the machine had no time says nothing about the script.
        self._seconds[script] = max(_LEAST, before + min(before, _WEIGHT * (seconds - before)))
