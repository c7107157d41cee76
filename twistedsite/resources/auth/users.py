"""The file of users of a folder: one `NAME:HASH` a line, the hash by scrypt, and what it takes to make and check one.

A hash is written as a PHC string, `$scrypt$ln=14,r=8,p=5$SALT$KEY`, salt and key in base64 without padding.
Passwords are never kept. Making and checking takes a fifth of a second: not for the reactor's thread.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import unicodedata
from typing import Final

import msgspec

FILE_LIMIT: Final = 256 * 1024
"""Longest file of users, in bytes."""

_HASH: Final = re.compile(
    r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)", re.ASCII
)
_NAME: Final = re.compile(r"[^:\x00-\x1f\x7f-\x9f]+")
_SALT_BYTES: Final = 16
_KEY_BYTES: Final = 32
_MEMORY: Final = 128 * 1024 * 1024
"""Bytes that one check may need at most."""
_WORK: Final = 2**21
"""Work of one check at most, as `PasswordHash.cost` has it: three times that of the hashes that are made here."""


class UsersError(Exception):
    """A file of users that cannot be used; `line` is that of the fault, from 1."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")
        self.line = line
        self.problem = problem


class PasswordHash(msgspec.Struct, frozen=True):
    """What is kept of a password. The costs are scrypt's (RFC 7914): 2**`ln`, `r` and `p`."""

    ln: int
    r: int
    p: int
    salt: bytes
    key: bytes

    @classmethod
    def of(cls, password: str, ln: int = 14, r: int = 8, p: int = 5) -> PasswordHash:
        """A new hash of `password`, which nobody can turn back. The defaults need 16 MiB for each check."""
        salt = os.urandom(_SALT_BYTES)
        return cls(ln, r, p, salt, _scrypt(password, salt, ln, r, p, _KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> PasswordHash:
        """The hash that `text` spells; raises ValueError."""
        match = _HASH.fullmatch(text)
        if not match:
            raise ValueError("expected a hash as scriptsite hash-password makes it")
        ln, r, p = (int(number) for number in match.groups()[:3])
        if not (1 <= ln <= 20 and r >= 1 and p >= 1 and 128 * r * 2**ln <= _MEMORY and 2**ln * r * p <= _WORK):
            raise ValueError("its costs are out of range")
        try:
            salt, key = (base64.b64decode(part + "=" * (-len(part) % 4), validate=True) for part in match.groups()[3:])
        except binascii.Error:
            raise ValueError("its salt or key is not base64") from None
        if not (8 <= len(salt) <= 64 and 16 <= len(key) <= 64):
            raise ValueError("its salt or key is of a wrong length")
        return cls(ln, r, p, salt, key)

    def __str__(self) -> str:
        salt, key = (base64.b64encode(part).rstrip(b"=").decode("ascii") for part in (self.salt, self.key))
        return f"$scrypt$ln={self.ln},r={self.r},p={self.p}${salt}${key}"

    def fits(self, password: str) -> bool:
        """Whether it was made of `password`. Takes as long whatever the answer."""
        return hmac.compare_digest(
            _scrypt(password, self.salt, self.ln, self.r, self.p, len(self.key)),
            self.key,
        )

    @property
    def cost(self) -> int:
        """How much work a check is, to compare."""
        return (1 << self.ln) * self.r * self.p


class PasswordFile:
    """The users of one file."""

    def __init__(self, hashes: dict[str, PasswordHash]) -> None:
        self._hashes = hashes
        costly = max(hashes.values(), key=lambda known: known.cost, default=PasswordHash(14, 8, 5, b"", b""))
        # Fits no password: keys are not all zeros.
        self._nobody = PasswordHash(costly.ln, costly.r, costly.p, os.urandom(_SALT_BYTES), bytes(_KEY_BYTES))

    @classmethod
    def parse(cls, content: bytes) -> PasswordFile:
        """The users of a file; blank lines and those that begin with `#` say nothing. Raises UsersError."""
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise UsersError(content.count(b"\n", 0, error.start) + 1, "is not UTF-8") from None
        hashes: dict[str, PasswordHash] = {}
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip() or line.startswith("#"):
                continue
            name, colon, spelled = line.rstrip("\r ").partition(":")
            if not colon or not _NAME.fullmatch(name):
                raise UsersError(number, "expected NAME:HASH")
            name = unicodedata.normalize("NFC", name)
            if name in hashes:
                raise UsersError(number, "a second line for the same user")
            try:
                hashes[name] = PasswordHash.parse(spelled)
            except ValueError as error:
                raise UsersError(number, str(error)) from None
        return cls(hashes)

    def verify(self, user: str, password: str) -> bool:
        """Whether `password` is that of `user`. An unknown user takes as long as a wrong password."""
        known = self._hashes.get(user)
        return (known or self._nobody).fits(password) and known is not None


def users_line(user: str, password: str) -> str:
    """The line of a file of users for `user`; raises ValueError where the name cannot stand there."""
    name = unicodedata.normalize("NFC", user)
    if not _NAME.fullmatch(name) or name.startswith("#") or name != name.strip():
        raise ValueError("the name of a user is text without : and control characters, blanks at its ends, # in front")
    return f"{name}:{PasswordHash.of(unicodedata.normalize('NFC', password))}"


def _scrypt(password: str, salt: bytes, ln: int, r: int, p: int, length: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**ln, r=r, p=p, maxmem=2 * _MEMORY, dklen=length)
