"""Requests that a script sends without waiting for their answers: what it may ask for, as plain data."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlencode, urlsplit

import msgspec

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_MAX_URL: Final = 8 * 1024
_MAX_PARAMS: Final = 256 * 1024
_WRITTEN: Final = re.compile(r"[!-~]+", re.ASCII)
"""What a URL in a request consists of: printable ASCII without blanks."""


class BackgroundCall(msgspec.Struct, frozen=True, array_like=True):
    """One request, of which its answer is not wanted."""

    method: str
    url: str
    """With scheme and host; or a path, with a query perhaps, of this site."""
    params: list[tuple[str, str]] = []
    """Fields of a form: of the query where the method is GET or HEAD, else of the body."""

    @property
    def is_local(self) -> bool:
        """Whether it goes to this site."""
        return self.url.startswith("/")

    @property
    def target(self) -> str:
        """The URL without a fragment, and with the fields that belong to the query."""
        url = self.url.partition("#")[0]
        if not self.params or self.method not in ("GET", "HEAD"):
            return url
        return f"{url}{'&' if '?' in url else '?'}{urlencode(self.params)}"

    @property
    def content(self) -> bytes | None:
        """The body, a form; None where there is none."""
        if self.method in ("GET", "HEAD", "DELETE"):
            return None
        return urlencode(self.params).encode("ascii")

    def check(self) -> None:
        """Raise ValueError, which says why, for what cannot be sent."""
        if self.method not in METHODS:
            raise ValueError(f"not a method of a background request: {self.method!r:.100}")
        if sum(len(name) + len(value) for name, value in self.params) > _MAX_PARAMS:
            raise ValueError(f"the fields of a background request are longer than {_MAX_PARAMS} characters")
        if len(self.url) > _MAX_URL or not _WRITTEN.fullmatch(self.url):
            raise ValueError(f"not a URL: {self.url!r:.100}")
        if not self.is_local:
            parts = urlsplit(self.url)
            # Asked for, because it is parsed only then.
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or "@" in parts.netloc:
                raise ValueError(f"not a URL that begins with http:// or https:// and a host: {self.url!r:.100}")
            if ":" in parts.hostname:
                raise ValueError(f"not a URL with a host's name or IPv4 address: {self.url!r:.100}")
