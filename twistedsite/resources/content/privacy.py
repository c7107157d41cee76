"""Answers from guarded places are for one visitor: no shared cache may keep them (RFC 9111, 3.5 and 5.2.2.7).

Whatever sends such an answer passes its header fields through here last, whoever has set them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from twisted.web.http_headers import Headers

_DIRECTIVE: Final = re.compile(rb'[^,"]*(?:"(?:[^"\\]|\\.)*"[^,"]*)*')
_SHARED: Final = frozenset({b"public", b"s-maxage", b"private"})
"""Directives that let others keep an answer; `private` with field names does so too."""


def private_fields(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """`fields`, names in lower case, as they are sent from a guarded place."""
    kept: list[tuple[bytes, bytes]] = []
    caching: list[bytes] = []
    vary: list[bytes] = []
    for name, value in fields:
        if name == b"cache-control":
            caching.append(value)
        elif name == b"vary":
            vary.append(value)
        elif not (name.endswith(b"-cache-control") or name == b"surrogate-control"):
            # Fields for particular shared caches (RFC 9213) would overrule Cache-Control there.
            kept.append((name, value))
    return [*kept, (b"cache-control", _private(b", ".join(caching))), (b"vary", _with_authorization(b", ".join(vary)))]


def make_private(headers: Headers) -> None:
    """The same for the `headers` of a response."""
    fields = [(name.lower(), value) for name, values in headers.getAllRawHeaders() for value in values]
    named: dict[bytes, list[bytes]] = {name: [] for name, _ in fields}
    for name, value in private_fields(fields):
        named.setdefault(name, []).append(value)
    for name, values in named.items():
        if values:
            headers.setRawHeaders(name, values)
        else:
            headers.removeHeader(name)


def _private(caching: bytes) -> bytes:
    directives = [match[0].strip(b" \t") for match in _DIRECTIVE.finditer(caching)]
    left = [d for d in directives if d and d.partition(b"=")[0].strip().lower() not in _SHARED]
    if b"no-store" not in (directive.lower() for directive in left):
        left.insert(0, b"private")
    return b", ".join(left)


def _with_authorization(vary: bytes) -> bytes:
    names = {name.strip(b" \t").lower() for name in vary.split(b",")}
    if names & {b"*", b"authorization"}:
        return vary
    return vary + b", Authorization" if vary else b"Authorization"
