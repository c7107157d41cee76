"""Header fields of the request and of the answer, as scripts see them.

Those of the answer are checked when they are set, so that the traceback shows the script's own line.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Final
from urllib.parse import quote

from twistedsite.scripts.messages.request import joined
from twistedsite.scripts.messages.response import MAX_FIELD_BYTES, MAX_FIELDS

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_BAD_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class RequestHeaders(Mapping[str, str]):
    """The request's header fields, by name in any letter case. Several fields of one name are joined by a comma."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = joined(fields)

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


class ResponseHeaders(MutableMapping[str, str]):
    """Field name (in any letter case) -> value. A list or tuple of values sends the field several times.

    Raises ValueError for names that are no token and for control characters in values (RFC 9110, 5.1 and 5.5), and
    TypeError for None and bytes, which would be sent as Python writes them.
    """

    def __init__(self) -> None:
        self._fields: dict[str, tuple[str, list[str]]] = {}
        self.sent = False
        """The fields have been sent. What is set later is lost, which is logged."""

    def __getitem__(self, name: str) -> str:
        return ", ".join(self._fields[name.lower()][1])

    def __setitem__(self, name: str, value: object) -> None:
        self._warn_if_sent(name)
        values = value if isinstance(value, list | tuple) else [value]
        self._fields[_checked_name(name).lower()] = (name, [_checked_value(name, item) for item in values])

    def __delitem__(self, name: str) -> None:
        del self._fields[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._fields.values())

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def add(self, name: str, value: object) -> None:
        """Add one more field of this name, as `Set-Cookie` needs it."""
        self._warn_if_sent(name)
        key = _checked_name(name).lower()
        _, values = self._fields.setdefault(key, (name, []))
        values.append(_checked_value(name, value))

    def _warn_if_sent(self, name: str) -> None:
        if self.sent:
            line = sys._getframe(2).f_lineno
            sys.stderr.write(f"line {line}: too late for the header field {name}: a part of the page has been sent\n")

    def encoded(self) -> list[tuple[bytes, bytes]]:
        """The fields as bytes. Values are UTF-8; other bytes are surrogate escapes in them (PEP 383).

        Raises ValueError where they are too many or too long.
        """
        fields = [
            (name.encode("ascii"), value.encode("utf-8", "surrogateescape"))
            for name, values in self._fields.values()
            for value in values
        ]
        if len(fields) > MAX_FIELDS or sum(len(name) + len(value) for name, value in fields) > MAX_FIELD_BYTES:
            raise ValueError(f"the response has too many or too long header fields: {len(fields)}")
        return fields


def location(url: str) -> str:
    """`url`, relative or not, as the value of a field Location. What a URL cannot hold is percent-encoded."""
    return quote(url, safe="%/:?#[]@!$&'()*+,;=~-._")


def _checked_name(name: str) -> str:
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        raise ValueError(f"not a header field's name: {name!r}")
    return name


def _checked_value(name: str, value: object) -> str:
    if value is None or isinstance(value, bytes | bytearray | memoryview):
        raise TypeError(f"the header field {name} takes text or a number, not {type(value).__name__}")
    text = str(value).strip(" \t")
    if _BAD_VALUE.search(text):
        raise ValueError(f"line breaks and control characters cannot stand in the header field {name}")
    return text
