"""The head of a script's answer, as plain data."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

BODILESS: Final = frozenset({204, 304})
"""Statuses of responses without content (RFC 9110, 6.4.1)."""
MAX_FIELDS: Final = 1000
"""Header fields of one answer."""
MAX_FIELD_BYTES: Final = 120 * 1024
"""Their names and values together, in bytes."""


class ResponseHead(msgspec.Struct, array_like=True):
    """Status and header fields of a script's answer."""

    status: int = 200
    headers: list[tuple[bytes, bytes]] = []
    length: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """Bytes of the body, where the script declares them before it has written all of it, or writes none for HEAD."""


def checked_status(text: str) -> int:
    """Return the number at the start of `text`, as in `404 Not Found`. Raises ValueError outside of 200 to 599."""
    number = text.split(" ", 1)[0]
    if not (number.isascii() and number.isdigit() and 200 <= int(number) <= 599):
        raise ValueError(f"not a status that a script can answer: {text!r}")
    return int(number)
