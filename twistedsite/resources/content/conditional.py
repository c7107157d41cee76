"""Validators and preconditions (RFC 9110, 8.8 and 13) as pure functions.

Whatever has a representation to answer with calls `evaluate` before it sends it. No request, file or clock stands here.
"""

from __future__ import annotations

import calendar
import functools
import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from email.utils import formatdate
from typing import Final, Literal

Field = Callable[[bytes], bytes | None]
"""Gives the value of the request's field of a lower-case name, several lines joined by `, ` (RFC 9110, 5.3)."""

_ETAG: Final = re.compile(rb'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_MONTHS: Final = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_MONTH: Final = rb"(?P<month>" + b"|".join(_MONTHS) + rb")"
_TIME: Final = rb"(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d):(?P<second>[0-5]\d|60)"
_DAY: Final = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY: Final = rb"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_DATES: Final = (
    re.compile(_DAY + rb", (?P<day>\d\d) " + _MONTH + rb" (?P<year>\d{4}) " + _TIME + rb" GMT"),
    re.compile(_LONG_DAY + rb", (?P<day>\d\d)-" + _MONTH + rb"-(?P<year>\d\d) " + _TIME + rb" GMT"),
    re.compile(_DAY + rb" " + _MONTH + rb" (?P<day>[ \d]\d) " + _TIME + rb" (?P<year>\d{4})"),
)
_LONGEST_DATE: Final = len(b"Wednesday, 06-Nov-94 08:49:37 GMT")


def make_etag(version: str, encoding: str = "") -> bytes:
    """Return the strong entity tag of a file in one version and content coding; it does not show the version itself."""
    digest = urlsafe_b64encode(hashlib.blake2b(version.encode(), digest_size=12).digest())
    return b'"%s-%s"' % (digest, encoding.encode()) if encoding else b'"%s"' % digest


def format_date(seconds: float) -> bytes:
    """Return `seconds` since the epoch as an IMF-fixdate (RFC 9110, 5.6.7)."""
    return _format_whole(int(seconds))


@functools.lru_cache(256)
def _format_whole(seconds: int) -> bytes:
    return formatdate(seconds, usegmt=True).encode("ascii")


def parse_date(value: bytes) -> int | None:
    """Return the seconds since the epoch that `value` means, or None where it is no HTTP-date (RFC 9110, 5.6.7)."""
    return _parse_short(value) if len(value) <= _LONGEST_DATE else None


@functools.lru_cache(256)
def _parse_short(value: bytes) -> int | None:
    for form in _DATES:
        if match := form.fullmatch(value):
            break
    else:
        return None
    year, day = int(match["year"]), int(match["day"])
    if len(match["year"]) == 2:
        # A year that looks more than 50 years ahead is in the past; nothing was served before 1970.
        year += 1900 if year >= 70 else 2000
    month = _MONTHS.index(match["month"]) + 1
    if year < 1900 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    return calendar.timegm((year, month, day, int(match["hour"]), int(match["minute"]), int(match["second"])))


def evaluate(method: bytes, field: Field, etag: bytes, modified: float) -> Literal[304, 412] | None:
    """Judge the preconditions of a request, in the order of RFC 9110, 13.2.2.

    `etag` is the strong entity tag and `modified` the time of last modification, in seconds, of the representation
    selected for the request. Returns None where the request goes on, or the status that ends it.
    """
    safe = method in (b"GET", b"HEAD")
    if (wanted := field(b"if-match")) is not None:
        if not _lists(wanted, etag, weak=False):
            return 412
    elif (since := _date(field, b"if-unmodified-since")) is not None and int(modified) > since:
        return 412
    if (known := field(b"if-none-match")) is not None:
        if _lists(known, etag, weak=True):
            return 304 if safe else 412
    elif safe and (since := _date(field, b"if-modified-since")) is not None and int(modified) <= since:
        return 304
    return None


def range_applies(field: Field, etag: bytes, modified: float, now: float) -> bool:
    """Whether If-Range, where there is one, lets the Range field count (RFC 9110, 13.1.5).

    A date counts only if it is exact, and if the file has been left alone since the second that it names.
    """
    value = field(b"if-range")
    if value is None:
        return True
    if b'"' in value:
        return value == etag
    return parse_date(value) == int(modified) and int(modified) < int(now)


def known_by(if_none_match: bytes, etag: bytes) -> bool:
    """Whether the field value `if_none_match` lists `etag` (weak comparison) or is `*`."""
    return _lists(if_none_match, etag, weak=True)


def _lists(value: bytes, etag: bytes, *, weak: bool) -> bool:
    if value == etag or value == b"*":
        return True
    return etag in value and any(match[2] == etag and (weak or not match[1]) for match in _ETAG.finditer(value))


def _date(field: Field, name: bytes) -> int | None:
    value = field(name)
    return None if value is None else parse_date(value)
