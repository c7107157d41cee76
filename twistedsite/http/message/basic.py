"""HTTP Basic credentials and the challenge that asks for them (RFC 7617). Workers use it too: no Twisted here."""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from typing import Final

import msgspec

LONGEST: Final = 4096
"""Bytes of the longest credentials that are looked at, as sent."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Credentials(msgspec.Struct, frozen=True):
    """What a visitor says of himself."""

    user: str
    password: str


def parse_basic(field: str | bytes) -> Credentials | None:
    """The credentials in the value of an Authorization field; None where they are of another scheme or malformed.

    Names and passwords are put into Normalization Form C, so that the same letters are the same bytes.
    """
    text = field.decode("latin-1") if isinstance(field, bytes) else field
    scheme, _, encoded = text.strip(" \t").partition(" ")
    if scheme.lower() != "basic" or len(text) > LONGEST:
        return None
    try:
        plain = base64.b64decode(encoded.strip(" "), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    user, colon, password = plain.partition(":")
    if not user or not colon or _CONTROL.search(plain):
        return None
    return Credentials(*(unicodedata.normalize("NFC", part) for part in (user, password)))


def challenge(realm: str) -> bytes:
    """The value of WWW-Authenticate that asks for a name and a password in `realm`, one line of text.

    A quoted-string (RFC 9110, 5.6.4); letters beyond ASCII go as UTF-8, which is what browsers read.
    """
    quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
    return f'Basic realm="{quoted}", charset="UTF-8"'.encode()
