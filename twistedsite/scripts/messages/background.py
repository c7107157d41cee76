"""A request that a script sends without waiting for the answer, as plain data."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlencode, urlsplit

import msgspec

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_MAX_URL: Final = 8 * 1024
_MAX_PARAMS: Final = 256 * 1024
_WRITTEN: Final = re.compile(r"[!-~]+", re.ASCII)
"""A URL in a request is printable ASCII without blanks."""


class BackgroundCall(msgspec.Struct, frozen=True, array_like=True):
    """One background request."""

    method: str
    url: str
    """A URL with scheme and host, or a path of this site with an optional query."""
    params: list[tuple[str, str]] = []
    """Form fields. They are sent in the query for GET and HEAD, else in the body."""

    @property
    def is_local(self) -> bool:
        """Whether it is for this site."""
        return self.url.startswith("/")

    @property
    def target(self) -> str:
        """The URL without its fragment, with the fields that are sent in the query."""
        url = self.url.partition("#")[0]
        if not self.params or self.method not in ("GET", "HEAD"):
            return url
        return f"{url}{'&' if '?' in url else '?'}{urlencode(self.params)}"

    @property
    def content(self) -> bytes | None:
        """The body, a form; None for a method without one."""
        if self.method in ("GET", "HEAD", "DELETE"):
            return None
        return urlencode(self.params).encode("ascii")

    def check(self) -> None:
        """Raise ValueError, which says why, where it cannot be sent."""
        if self.method not in METHODS:
            raise ValueError(f"not a method of a background request: {self.method!r:.100}")
        if sum(len(name) + len(value) for name, value in self.params) > _MAX_PARAMS:
            raise ValueError(f"the fields of a background request are longer than {_MAX_PARAMS} characters")
        if len(self.url) > _MAX_URL or not _WRITTEN.fullmatch(self.url):
            raise ValueError(f"not a URL: {self.url!r:.100}")
        if not self.is_local:
            parts = urlsplit(self.url)
            # `port` is parsed, and checked, only when it is read.
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or "@" in parts.netloc:
                raise ValueError(f"not a URL that begins with http:// or https:// and a host: {self.url!r:.100}")
            if ":" in parts.hostname:
                raise ValueError(f"not a URL with a host's name or IPv4 address: {self.url!r:.100}")
