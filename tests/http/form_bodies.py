"""Bodies of forms, and the two ways in which they are judged: whole, and while they arrive."""

from __future__ import annotations

import io
import itertools

from twistedsite.http.message.forms import FormError, body_check, close_all, parse_body
from twistedsite.settings.server import FormLimits
from twistedsite.settings.units import Size

MULTIPART = "multipart/form-data; boundary=XyZ"
URLENCODED = "application/x-www-form-urlencoded"
LIMITS = FormLimits()
SMALL = FormLimits(fields=4, field_size=Size(12), memory=Size(20), part_headers=2)


def part(content: bytes, name: str = "a", filename: str | None = None, *lines: bytes) -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    head = b"\r\n".join((b"--XyZ", disposition.encode(), *lines))
    return head + b"\r\n\r\n" + content + b"\r\n"


def multipart(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--XyZ--\r\n"


def fields_of(body: bytes, content_type: str = MULTIPART, limits: FormLimits = LIMITS) -> list[tuple[str, str]]:
    fields, uploads = parse_body(io.BytesIO(body), content_type, limits)
    assert uploads == []
    return fields


def refusal(body: bytes, content_type: str = MULTIPART, limits: FormLimits = LIMITS) -> int | None:
    """The status with which the parser refuses `body`, or None."""
    try:
        close_all(parse_body(io.BytesIO(body), content_type, limits)[1])
    except FormError as error:
        return error.status
    return None


def refusal_on_arrival(
    body: bytes, cuts: list[int], content_type: str = MULTIPART, limits: FormLimits = LIMITS
) -> int | None:
    """The status with which the check refuses `body`, which arrives cut at `cuts`, or None."""
    try:
        check = body_check(content_type, limits)
        assert check is not None
        edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
        for start, end in itertools.pairwise(edges):
            check.feed(body[start:end])
        check.finish()
    except FormError as error:
        return error.status
    return None
