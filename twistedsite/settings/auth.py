"""Authentication: `[auth]` of a folder, and `[auth]` of the server."""

from __future__ import annotations

import re
from typing import ClassVar, Final

import msgspec

from twistedsite.settings.units import Duration

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_STEM: Final = re.compile(r"[\w-]+")


class FolderAuth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[auth]` of `_folder.toml`: who may enter the folder and all below it."""

    whole: ClassVar = True
    """Its keys depend on each other, so they are checked together."""

    file: str = ""
    """A file of users and hashes of their passwords, relative to this folder: see `scriptsite hash-password`. Its
    name, or that of a folder on the way to it, begins with `_`, so that it is never served."""
    module: str = ""
    """A Python file that decides, relative to this folder: `guard` is `guard.py` or `_guard.py`."""
    realm: str = "Restricted"
    """What browsers call the place when they ask for a password."""
    methods: tuple[str, ...] = ()
    """Only requests by these methods need a password; empty: all do. `GET` means `HEAD` too."""
    users: tuple[str, ...] = ()
    """Only these users may enter; others, even with their right password, get 403. Empty: every user may."""
    off: bool = False
    """`true`: nobody is asked here, whatever the folders above say."""

    def __post_init__(self) -> None:
        if sum((bool(self.file), bool(self.module), self.off)) != 1:
            raise ValueError("expected one of file, module and off = true")
        if self.file:
            segments = self.file.split("/")
            if any(s in ("", ".", "..") or _CONTROL.search(s) or "\\" in s for s in segments):
                raise ValueError("file: expected the path of a file in this folder or below it")
            if not any(s.startswith("_") for s in segments):
                raise ValueError("file: expected a name that begins with _, so that it is never served")
        if self.module and not all(_STEM.fullmatch(s) for s in self.module.removesuffix(".py").split("/")):
            raise ValueError("module: expected the name of a Python file in this folder or below it")
        if not self.realm or _CONTROL.search(self.realm):
            raise ValueError("realm: expected one line of text")
        if not all(_TOKEN.fullmatch(method) and method.upper() == method for method in self.methods):
            raise ValueError("methods: expected names such as POST")


class Auth(msgspec.Struct, frozen=True, kw_only=True):
    """The authentication of a folder, after inheritance."""

    folder: tuple[str, ...]
    """The folder whose settings have this `[auth]`, as segments from the site's root."""
    said: FolderAuth
    scripts: bool
    """Whether scripts run in that folder. Where they do not, an authentication module does not either."""

    def asks(self, method: str) -> bool:
        """Whether a request by `method` needs a password here."""
        methods = self.said.methods
        return not methods or method in methods or (method == "HEAD" and "GET" in methods)


class AuthSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[auth]`: passwords, and those who guess them."""

    attempts: int = 10
    """Different wrong passwords from one address, after which it is locked out: 429 with Retry-After. 0: no limit."""
    window: Duration = Duration(5 * 60)
    """The time in which they count. A right password ends the count."""
    lockout: Duration = Duration(5 * 60)
    """How long an address stays locked out."""
    remember: Duration = Duration(60)
    """How long a password that was right is taken again without the work of checking it. 0: never. A change of the
    users' file ends it."""
    queue: int = 64
    """Passwords that may wait to be checked; more: 503 with Retry-After."""

    def __post_init__(self) -> None:
        if self.attempts < 0:
            raise ValueError("attempts: expected 0 or more")
        if self.queue < 1:
            raise ValueError("queue: expected 1 or more")
