"""Makes the `BackgroundCall` that a script asks for: resolves paths of the site, and converts form fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from twistedsite.scripts.exchange.files import resolve
from twistedsite.scripts.messages.background import BackgroundCall

Params = Mapping[str, object]
"""Name of a form field -> its value, or a list of values."""


def background_call(
    folder: tuple[str, ...], url: str, method: str = "get", params: Params | None = None, local: bool = False
) -> BackgroundCall:
    """The call of a script in `folder`. `local`: `url` is a path of this site, relative to `folder` or, with a slash,
    to the site's root. Raises ValueError, and PermissionError for a path that leads out of the site."""
    if local:
        path, mark, query = url.partition("?")
        segments = "/".join(quote(segment, safe="%:@!$&'()*+,;=~-._") for segment in resolve(folder, path))
        closing = "/" if segments and (path.endswith(("/", "/.", "/..")) or path in (".", "..")) else ""
        url = f"/{segments}{closing}{mark}{quote(query, safe='%/?:@!$&()*+,;=~-._')}"
    elif url.startswith("/"):
        raise ValueError(f"not a URL with scheme and host, and not local either: {url!r:.100}")
    fields = [(name, str(value)) for name, given in (params or {}).items() for value in _values(given)]
    call = BackgroundCall(method.upper(), url, fields)
    call.check()
    return call


def _values(given: object) -> Sequence[object]:
    return given if isinstance(given, list | tuple) else (given,)
