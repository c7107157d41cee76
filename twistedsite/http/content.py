"""From the settings to the limits of content: how long it may be, and what a form in it may hold."""

from __future__ import annotations

from functools import partial

from twistedsite.http.connection.body import BodyCheck, ContentLimits
from twistedsite.http.message.forms import FormError, body_check
from twistedsite.http.message.head import HeaderFields
from twistedsite.settings.server import FormLimits, ServerSettings


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
