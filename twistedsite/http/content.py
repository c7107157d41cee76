"""What holds of a request's content: how long it may be, and what a form in it may hold."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import attrs

from twistedsite.http.connection.body import BodyCheck, MakeBodyCheck, checked
from twistedsite.http.message.forms import FormError, body_check
from twistedsite.http.message.head import HeaderFields, RequestError
from twistedsite.settings.server import FormLimits, ServerSettings


@attrs.frozen
class ContentLimits:
    """Content of at most `max_body` bytes; `check_body`, if any, may look at it while it arrives."""

    max_body: int
    check_body: MakeBodyCheck | None = None

    def allow(self, length: int) -> None:
        """Raise RequestError 413 where `length` bytes are too many."""
        if length > self.max_body:
            raise RequestError(413, f"The content is longer than {self.max_body} bytes")

    def for_any(self, host: bytes) -> ContentLimits:
        """Return the same limits for every host: see `LimitsOfHost`."""
        return self

    def check(self, fields: HeaderFields) -> BodyCheck | None:
        """What looks at the content of the request with these header fields; None: nothing."""
        return self.check_body(fields) if self.check_body is not None else None

    def judge(self, fields: HeaderFields, content: bytes) -> None:
        """Raise RequestError for `content`, which is all there, as it would have been while it arrived."""
        self.allow(len(content))
        check = self.check(fields)
        if check is not None:
            checked(check.feed, content)
            checked(check.finish)


LimitsOfHost = Callable[[bytes], ContentLimits]
"""Tells what holds of content that is sent to a host, with the port as in a Host field; empty: there is none."""


def content_limits(settings: ServerSettings) -> ContentLimits:
    """What `settings` say."""
    return ContentLimits(settings.max_body, partial(_form_check, settings.forms))


def _form_check(limits: FormLimits, fields: HeaderFields) -> BodyCheck | None:
    content_type = next((value for name, value in fields if name.lower() == b"content-type"), b"")
    try:
        return body_check(content_type.decode("latin-1"), limits)
    except FormError:
        # A form without a boundary: whoever reads it says so.
        return None
