"""Human durations and sizes, as the operator and the folder's author write them.

Both are plain numbers once parsed (seconds, bytes), so that no other room needs to know the spelling.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES: Final = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?", re.ASCII)
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.ASCII | re.IGNORECASE)


class Duration(float):
    """A length of time in seconds; written `25s`, `500ms`, `2m`, `1h`, `30d`, or a number of seconds."""

    @classmethod
    def parse(cls, value: object) -> Duration:
        """Parse `value`, a string or a number of seconds.

        Raises ValueError, with what was expected, for anything else and for negative or infinite times.
        """
        if isinstance(value, int | float) and not isinstance(value, bool):
            if 0 <= value < float("inf"):
                return cls(value)
        elif isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
            return cls(float(match[1]) * _SECONDS[match[2] or "s"])
        raise ValueError(f"expected a duration such as 25s, 500ms or 2m, got {value!r}")

    @property
    def spelling(self) -> str:
        """The duration as an operator would write it, in the largest unit that divides it: `2h`, `25s`, `500ms`."""
        for unit in ("d", "h", "m", "s"):
            if self and not self % _SECONDS[unit]:
                return f"{int(self / _SECONDS[unit])}{unit}"
        return f"{self * 1000:.15g}ms"


class Size(int):
    """A number of bytes; written `16M`, `64K`, `1.5G` (powers of 1024), or a number of bytes."""

    @classmethod
    def parse(cls, value: object) -> Size:
        """Parse `value`, a string or a whole number of bytes.

        Raises ValueError, with what was expected, for anything else and for negative sizes.
        """
        if isinstance(value, int) and not isinstance(value, bool):
            if value >= 0:
                return cls(value)
        elif isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
            return cls(int(Fraction(match[1]) * _BYTES[match[2].upper()]))
        raise ValueError(f"expected a size such as 16M, 64K or 1048576, got {value!r}")

    @property
    def spelling(self) -> str:
        """The size as an operator would write it, in the largest unit that divides it: `16M`, `128`."""
        for unit in ("T", "G", "M", "K"):
            if self and not self % _BYTES[unit]:
                return f"{self // _BYTES[unit]}{unit}"
        return str(int(self))


def decode_unit(kind: type, value: object) -> object:
    """msgspec's `dec_hook` for settings: converts to Duration and Size."""
    if kind is Duration:
        return Duration.parse(value)
    if kind is Size:
        return Size.parse(value)
    raise NotImplementedError(f"settings have no type {kind}")
