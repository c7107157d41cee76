"""`ScriptRequest`: one request to one script, as plain data that a worker process can be sent."""

from __future__ import annotations

import os
from collections.abc import Iterable

import msgspec

from twistedsite.scripts.messages.imports import PLAIN, ImportSettings
from twistedsite.settings.server import FormLimits
from twistedsite.settings.values import OptionValue


class FormBounds(msgspec.Struct, frozen=True, array_like=True):
    """`FormLimits` as plain numbers, which are quick to encode and decode on the way to a worker."""

    fields: int
    field_size: int
    memory: int
    part_headers: int

    @classmethod
    def of(cls, limits: FormLimits) -> FormBounds:
        """Convert `limits`."""
        return cls(limits.fields, int(limits.field_size), int(limits.memory), limits.part_headers)


class ScriptRequest(msgspec.Struct, kw_only=True, array_like=True):
    """One request to one script, with all that the script may know of it."""

    root: str
    """Absolute path of the site's folder on this machine."""
    script: tuple[str, ...]
    """The script's path, as segments from the site's root."""
    filename: str
    """The script's absolute path on this machine."""
    version: str
    """The version of the script's content, for the code cache."""
    dialect: str
    method: str = ""
    target: str = ""
    """The request target as received, path and query (RFC 9112, 3.2)."""
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
    """The user whom the folder's `[auth]` has authenticated; empty where it does not ask."""
    auth_type: str = ""
    """The authentication scheme, `Basic`; empty where the folder does not ask."""
    script_name: str = ""
    """The part of the URL's path that led to the script, decoded (RFC 3875, 4.1.13)."""
    path_info: str = ""
    """The rest of the URL's path, decoded."""
    mount: str = ""
    """The part of `script_name` that leads to the site, where that is mounted in another server's resource tree."""
    query: str = ""
    headers: list[tuple[str, str]] = []
    """Names in lower case, values decoded as ISO 8859-1, in the order received."""
    timeout: float
    """Seconds after which the script is stopped."""
    debug: bool = False
    autoreload: bool = True
    options: dict[str, OptionValue] = {}
    handler: str = ""
    """The setting `handler`, a path in the site, where it has chosen this script."""
    imports: ImportSettings = PLAIN
    """Where the script's imports are looked for."""
    form_limits: FormBounds = FormBounds.of(FormLimits())
    writable: tuple[tuple[str, ...], ...] = ()
    """Paths of the site below which it may write. The server checks against its own copy."""
    depth: int = 0
    """How many background requests, each sent by the one before, have led to this one."""

    @property
    def folder(self) -> str:
        """Absolute path of the script's folder on this machine."""
        return self.filename.rpartition(os.sep)[0]

    def header(self, name: str, default: str = "") -> str:
        """The value of the field `name` (lower case), joined as by `joined`; `default` where absent."""
        return joined([field for field in self.headers if field[0] == name]).get(name, default)


def joined(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The values of `fields` by name. Several of one name are joined: by a semicolon for `cookie`, else by a comma."""
    values: dict[str, str] = {}
    for name, value in fields:
        values[name] = f"{values[name]}{'; ' if name == 'cookie' else ', '}{value}" if name in values else value
    return values
