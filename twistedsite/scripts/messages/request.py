"""`ScriptRequest`: one request to one script, as plain data that a worker process can be sent."""

from __future__ import annotations

import msgspec

from twistedsite.scripts.messages.imports import PLAIN, Imports
from twistedsite.settings.server import FormLimits
from twistedsite.settings.values import OptionValue


class FormBounds(msgspec.Struct, frozen=True, array_like=True):
    """`FormLimits` in plain numbers: a request that goes to a worker is quickly encoded, and decoded."""

    fields: int
    field_size: int
    memory: int
    part_headers: int

    @classmethod
    def of(cls, limits: FormLimits) -> FormBounds:
        """The numbers of `limits`."""
        return cls(limits.fields, int(limits.field_size), int(limits.memory), limits.part_headers)


class ScriptRequest(msgspec.Struct, kw_only=True, array_like=True):
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
    method: str = ""
    target: str = ""
    """The request target as it came, path and query (RFC 9112, 3.2)."""
    scheme: str = ""
    protocol: str = ""
    host: str = ""
    """The Host field, port included where given."""
    server_name: str = ""
    server_port: int = 0
    client: str = ""
    """The client's address; empty on a UNIX socket."""
    client_port: int = 0
    user: str = ""
    """Who has been let in by the folder's `[auth]`; empty: nobody was asked."""
    auth_type: str = ""
    """How: `Basic`; empty where nobody was asked."""
    script_name: str = ""
    """The part of the URL's path that led to the script, decoded (RFC 3875, 4.1.13)."""
    path_info: str = ""
    """The rest of the URL's path, decoded."""
    mount: str = ""
    """The part of `script_name` that leads to the site, where that is mounted in another server's tree; else empty."""
    query: str = ""
    headers: list[tuple[str, str]] = []
    """Names in lower case, values decoded as ISO 8859-1, in the order in which they came."""
    timeout: float
    """Seconds until the script is stopped."""
    debug: bool = False
    autoreload: bool = True
    options: dict[str, OptionValue] = {}
    handler: str = ""
    """The script's path in the site, where the setting `handler` names it."""
    imports: Imports = PLAIN
    """Where its modules come from."""
    form_limits: FormBounds = FormBounds.of(FormLimits())
    writable: tuple[tuple[str, ...], ...] = ()
    """Below which paths of the site it may write; the server holds it to its own copy of this."""
    depth: int = 0
    """How many background requests, each made by the one before, have led to it."""

    def header(self, name: str, default: str = "") -> str:
        """The value of field `name` (lower case), several values joined by a comma; `default` where absent."""
        values = [value for key, value in self.headers if key == name]
        return ("; " if name == "cookie" else ", ").join(values) if values else default
