"""Chooses the form of a page, HTML, JSON or plain text, by the field `Accept`."""

from __future__ import annotations

from typing import Literal

PageForm = Literal["html", "json", "text"]

_NAMED: dict[str, PageForm] = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "application/json": "json",
    "application/problem+json": "json",
    "text/plain": "text",
}
_ORDER: tuple[PageForm, ...] = ("html", "json", "text")


def choose(accept: str | None, default: PageForm) -> PageForm:
    """Return the form for a client with this `Accept` field (RFC 9110, 12.5.1).

    The form with the highest weight wins; among equals HTML, then JSON. A wildcard means `default`, and so does a field
    that is absent or names none of the three.
    """
    named: dict[PageForm, float] = {}
    wildcard = 0.0
    for item in (accept or "*/*").split(","):
        media_type, _, parameters = item.strip().lower().partition(";")
        weight = _weight(parameters)
        if form := _NAMED.get(media_type.strip()):
            named[form] = max(weight, named.get(form, 0.0))
        elif media_type.strip() in ("*/*", "text/*"):
            wildcard = max(weight, wildcard)
    best = max(named.values(), default=0.0)
    if best == 0.0 or (wildcard > best and default not in named):
        return default
    return next(form for form in _ORDER if named.get(form) == best)


def error_form(accept: str | None) -> PageForm:
    """The form of an error page for a client with this `Accept` field: plain text where it names none."""
    return choose(accept, "text")


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
