"""What the debug page tells of a request: its line, fields and form, secrets redacted."""

from __future__ import annotations

from typing import BinaryIO, Final, cast

from twisted.web.http import Request

from twistedsite.http.message.forms import FormError, close_all, parse_body, parse_query
from twistedsite.pages.render import RequestSummary
from twistedsite.scripts.messages.failure import redact
from twistedsite.settings.server import FormLimits

BODY_LIMIT: Final = 64 * 1024
"""Longest body that is shown as a form, in bytes."""
_LIMITS: Final = FormLimits(fields=200)


def summarize(request: Request) -> RequestSummary:
    """Describe `request`; its body is read where it is a short form."""
    target = _text(request.uri)
    headers = [
        (name.decode("ascii", "replace"), _redacted_field(name.decode("ascii", "replace"), _text(value)))
        for name, values in request.requestHeaders.getAllRawHeaders()
        for value in values
    ]
    return RequestSummary(
        method=_text(request.method),
        target=_redacted_target(target),
        protocol=_text(request.clientproto),
        headers=headers,
        query=_query(target.partition("?")[2]),
        form=_form(request),
    )


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _redacted_field(name: str, value: str) -> str:
    return _redacted_target(value) if name.lower() == "referer" else redact(name.replace("-", "_"), value)


def _redacted_target(target: str) -> str:
    path, mark, query = target.partition("?")
    parts = []
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        parts.append(name + equals + redact(name, value) if equals else name)
    return path + mark + "&".join(parts)


def _query(query: str) -> list[tuple[str, str]]:
    try:
        return _redacted(parse_query(query, _LIMITS.fields))
    except FormError as error:
        return [("(not shown)", error.message)]


def _form(request: Request) -> list[tuple[str, str]]:
    body = cast(BinaryIO | None, request.content)
    if body is None or body.closed:
        return []
    if body.seek(0, 2) > BODY_LIMIT:
        return [("(not shown)", f"The body has more than {BODY_LIMIT} bytes.")]
    try:
        fields, uploads = parse_body(body, request.getHeader("content-type") or "", _LIMITS)
    except FormError as error:
        return [("(not shown)", error.message)]
    close_all(uploads)
    return _redacted(fields) + [(upload.name, repr(upload)) for upload in uploads]


def _redacted(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, redact(name, value)) for name, value in fields]
