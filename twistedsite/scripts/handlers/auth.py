"""What a folder's authentication module is given. The dialect `guard` runs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from twistedsite.settings.values import OptionValue


class AuthRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The request that is to be authenticated."""

    method: str
    path: str
    """The URL's path as received, percent-encoded."""
    query: str
    """What follows the first `?`."""
    scheme: str
    host: str
    """The Host field."""
    client: str
    """The client's address."""
    headers: Mapping[str, str]
    """The header fields, names in any letter case; without Authorization."""
    options: dict[str, OptionValue]
    """The `options` of the folder's settings."""


class AuthHandler:
    """The base of a module's `AuthHandler` class, as in Httpdapy. One instance is made for each request."""

    req: AuthRequest
    pb: Mapping[str, Any]
    """The folder's options."""

    def __init__(self, req: AuthRequest) -> None:
        self.req = req
        self.pb = req.options

    def authenticate(self, user: str, password: str) -> object:
        """Whether `user` may enter with `password`. Subclasses override it; here the answer is always False.

        `raise PermissionError("why")` means a known user who may not enter: 403.
        """
        return False
