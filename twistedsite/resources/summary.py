"""What the debug page tells of a request: its line, fields and form, secrets redacted."""

from __future__ import annotations

from urllib.parse import parse_qsl

from twisted.web.http import Request

from twistedsite.pages.render import RequestSummary
from twistedsite.scripts.failures import redact

FORM_LIMIT = 64 * 1024
"""Longest body that is shown as a form, in bytes."""
MAX_FIELDS = 200


def summarize(request: Request) -> RequestSummary:
    """Describe `request`; its body is read, where it is a short urlencoded form."""
    target = _redacted_target(_text(request.uri))
    headers = [
        (name.decode("ascii", "replace"), _redacted_field(name.decode("ascii", "replace"), _text(value)))
        for name, values in request.requestHeaders.getAllRawHeaders()
        for value in values
    ]
    return RequestSummary(
        method=_text(request.method),
        target=target,
        protocol=_text(request.clientproto),
        headers=headers,
        query=_fields(_text(request.uri).partition("?")[2]),
        form=_fields(_form(request)),
    )


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _redacted_field(name: str, value: str) -> str:
    if name.lower() == "referer":
        return _redacted_target(value)
    return redact(name.replace("-", "_"), value)


def _redacted_target(target: str) -> str:
    path, mark, query = target.partition("?")
    parts = []
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        parts.append(name + equals + redact(name, value) if equals else name)
    return path + mark + "&".join(parts)


def _fields(encoded: str) -> list[tuple[str, str]]:
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="replace")
    except ValueError:
        return [("…", f"more than {MAX_FIELDS} fields")]
    return [(name, redact(name, value)) for name, value in pairs]


def _form(request: Request) -> str:
    media_type = (request.getHeader("content-type") or "").partition(";")[0].strip().lower()
    content = request.content
    if media_type != "application/x-www-form-urlencoded" or content is None or content.closed:
        return ""
    content.seek(0)
    body = content.read(FORM_LIMIT + 1)
    return _text(body) if len(body) <= FORM_LIMIT else f"…=more than {FORM_LIMIT} bytes"
