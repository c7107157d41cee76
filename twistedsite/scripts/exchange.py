"""What passes between the server and a running script: plain data, no Twisted, so that a worker process can hold it.

`ScriptRequest` goes in with a file of the body; out come a `ResponseHead` and bytes, or a `ScriptFailure`. The
`Exchange` is the script's side of one such passage; the dialects put their own names on top of it.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from twistedsite.http.forms import FormError, Upload
from twistedsite.settings.server import FormLimits, OptionValue

__all__ = ["Exchange", "FormError", "Outlet", "ResponseHead", "ScriptRequest", "Upload"]


class ScriptRequest(msgspec.Struct, kw_only=True):
    """One request to one script: what the server knows and the script may know."""

    root: str
    """Absolute path of the site's folder on this machine."""
    script: tuple[str, ...]
    """The script's path, as segments from the site's root."""
    filename: str
    """The script's absolute path on this machine."""
    version: str
    """The version of the script's content: the code cache's key."""
    dialect: str
    method: str
    target: str
    """The request target as it came, path and query (RFC 9112, 3.2)."""
    scheme: str
    protocol: str
    host: str
    """The Host field, port included where given."""
    server_name: str
    server_port: int
    client: str
    """The client's address; empty on a UNIX socket."""
    client_port: int = 0
    script_name: str
    """The part of the URL's path that led to the script, decoded (RFC 3875, 4.1.13)."""
    path_info: str
    """The rest of the URL's path, decoded."""
    query: str
    headers: list[tuple[str, str]]
    """Names in lower case, values decoded as ISO 8859-1, in the order in which they came."""
    timeout: float
    """Seconds until the script is stopped."""
    debug: bool = False
    autoreload: bool = True
    options: dict[str, OptionValue] = {}
    form_limits: FormLimits = FormLimits()

    def header(self, name: str, default: str = "") -> str:
        """The value of field `name` (lower case), several values joined by a comma; `default` where absent."""
        values = [value for key, value in self.headers if key == name]
        return ("; " if name == "cookie" else ", ").join(values) if values else default


class ResponseHead(msgspec.Struct):
    """Status and header fields of a script's answer."""

    status: int = 200
    headers: list[tuple[bytes, bytes]] = []


class Outlet(Protocol):
    """Where a script's answer goes. Calls come from the script's thread and may block while the client is slow."""

    def begin(self, head: ResponseHead) -> None:
        """Send the head; called once, before any `write`."""
        ...

    def write(self, data: bytes) -> None:
        """Send a piece of the body now."""
        ...

    def end(self, head: ResponseHead | None, body: bytes) -> None:
        """Send the last piece; `head` where `begin` was not called: the whole answer is in this call."""
        ...
