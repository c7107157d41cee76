"""Host names in one spelling each: those of a site in the settings, and those in Host fields."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

MAX_NAME: Final = 253
"""Most characters of a host name (RFC 1035, 2.3.4, without separators)."""

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*", re.ASCII)


def host_pattern(text: str) -> str:
    """Return the one spelling of the host, or `*.` and the name above the hosts, that `text` means.

    Raises ValueError, with what was expected. A name in other letters than ASCII's is to be written as it is sent
    (RFC 5890, 2.3.2.1: its A-label, `xn--…`).
    """
    name = text.strip().lower().removesuffix(".")
    if name.startswith("[") and name.endswith("]"):
        address = _ipv6(name[1:-1])
        if address:
            return address
    elif len(name) <= MAX_NAME and _NAME.fullmatch(name):
        return name
    expected = "expected a host without a port, such as example.org, *.example.org, 192.0.2.1 or [2001:db8::1]"
    if not text.isascii():
        expected = "expected the name as it is sent, in ASCII: xn--…"
    raise ValueError(f"{expected}, got {text!r}")


def host_name(authority: str) -> str:
    """Return the one spelling of the host in `authority`, host and port as in a Host field (RFC 9110, 7.2).

    Case, a closing dot and the port say nothing; an IPv6 address keeps its brackets, in the spelling of RFC 5952. Empty
    where there is none that a site could have.
    """
    text = authority.lower()
    if text.startswith("["):
        literal, bracket, rest = text[1:].partition("]")
        return _ipv6(literal) if bracket and (not rest or rest.startswith(":")) else ""
    name = text.partition(":")[0].removesuffix(".")
    return name if len(name) <= MAX_NAME else ""


def _ipv6(literal: str) -> str:
    try:
        return f"[{ipaddress.IPv6Address(literal).compressed}]" if "%" not in literal else ""
    except ValueError:
        return ""
