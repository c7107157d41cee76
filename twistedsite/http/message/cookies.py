"""Cookies on the wire (RFC 6265): what came in `Cookie`, and one `Set-Cookie` value to send. No Twisted here."""

from __future__ import annotations

import re
from typing import Final, Literal

SameSite = Literal["Strict", "Lax", "None"]

_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""A token (RFC 9110, 5.6.2)."""
_VALUE: Final = re.compile(r"[!#-+\--:<-\[\]-~]*")
"""Cookie octets (RFC 6265, 4.1.1)."""
_ATTRIBUTE: Final = re.compile(r"[ -:<-~]*")
"""Printable ASCII without the semicolon."""


def parse_cookies(header: str) -> dict[str, str]:
    """Name -> value of each cookie in a Cookie field; of several with one name the first, which is the most specific.

    Lenient (RFC 6265, 5.4): pairs without `=` or without a name are passed over, quotes around a value are taken off.
    """
    cookies: dict[str, str] = {}
    for pair in header.split(";"):
        name, separator, value = pair.partition("=")
        name, value = name.strip(" \t"), value.strip(" \t")
        if not separator or not name:
            continue
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = value[1:-1]
        cookies.setdefault(name, value)
    return cookies


def format_cookie(
    name: str,
    value: str,
    *,
    max_age: int | None = None,
    path: str | None = "/",
    domain: str | None = None,
    secure: bool = False,
    http_only: bool = True,
    same_site: SameSite | None = "Lax",
) -> str:
    """The value of a Set-Cookie field; `max_age` in seconds: 0 deletes the cookie, None: until the browser ends.

    Raises ValueError for what cannot be said in one, such as `;` or a line break anywhere, and for `same_site="None"`
    without `secure`, which browsers ignore.
    """
    if not _NAME.fullmatch(name):
        raise ValueError("a cookie's name holds letters, digits and !#$%&'*+-.^_`|~ only")
    if not _VALUE.fullmatch(value):
        raise ValueError(
            "a cookie's value holds no space, quote, comma, semicolon, backslash, control or non-ASCII character"
        )
    for attribute in (path, domain):
        if attribute is not None and not _ATTRIBUTE.fullmatch(attribute):
            raise ValueError("a cookie's path and domain hold printable ASCII without semicolons only")
    if same_site not in ("Strict", "Lax", "None", None):
        raise ValueError("same_site is 'Strict', 'Lax', 'None' or nothing")
    if same_site == "None" and not secure:
        raise ValueError("browsers ignore a cookie with SameSite=None that is not secure")
    parts = [f"{name}={value}"]
    if max_age is not None:
        parts.append(f"Max-Age={int(max_age)}")
    if domain is not None:
        parts.append(f"Domain={domain}")
    if path is not None:
        parts.append(f"Path={path}")
    if secure:
        parts.append("Secure")
    if http_only:
        parts.append("HttpOnly")
    if same_site:
        parts.append(f"SameSite={same_site}")
    return "; ".join(parts)
