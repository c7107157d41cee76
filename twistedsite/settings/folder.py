"""The settings of one folder: `_folder.toml` as written, and what holds once the folders above have spoken.

A folder can lower a limit of the server, never raise it; it can turn scripts off, never on.
"""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from twistedsite.settings.auth import Auth, FolderAuth
from twistedsite.settings.server import OptionValue, ServerSettings, check_extensions
from twistedsite.settings.units import Duration

T = TypeVar("T")

DEFAULT_INDEX = (
    "index.dbpy",
    "index.py",
    "index.html",
    "index.htm",
    "index.jinja",
    "index.tpl",
    "index.md",
    "index.txt",
)
"""The names looked for, in this order, when a folder is asked for."""

_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token (RFC 9110, 5.6.2)."""
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_FRAMING = {"connection", "content-length", "date", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
"""Fields that only the server itself can write."""


class FolderFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one `_folder.toml` says. What it leaves out is inherited from the folder above."""

    debug: bool | UnsetType = UNSET
    """Show tracebacks of this folder's scripts in the browser."""
    autoreload: bool | UnsetType = UNSET
    """Look at each request whether a script, or a module that it imports, has changed."""
    timeout: Duration | UnsetType = UNSET
    """Stop scripts after this long; at most the server's own timeout."""
    scripts: bool | UnsetType = UNSET
    """`false`: scripts and templates are served as plain text. Once off, no folder below turns it on."""
    listing: bool | UnsetType = UNSET
    """List this folder when it has no index; `false`: 403."""
    index: tuple[str, ...] | UnsetType = UNSET
    """Names of index files, the first that exists is shown."""
    headers: dict[str, str] | UnsetType = UNSET
    """Header fields added to every response; added to those of the folders above; `""` removes one."""
    redirects: dict[str, str] | UnsetType = UNSET
    """Path below this folder -> URL or path to go to (302). Not inherited."""
    errors: dict[str, str] | UnsetType = UNSET
    """Status -> file of this site that is shown for it, e.g. `404 = "/errors/lost.html"`."""
    options: dict[str, OptionValue] | UnsetType = UNSET
    """Names of your own that scripts can read; added to those of the folders above."""
    extensions: dict[str, str] | UnsetType = UNSET
    """Extension -> dialect or installed handler that runs such files, e.g. `".cgi" = "printing"`; `"static"`: they are
    sent as they are. Added to those of the folders above."""
    auth: FolderAuth | UnsetType = UNSET
    """Who may enter; replaces what the folders above say. See below."""

    def __post_init__(self) -> None:
        for name in _given(self.index, ()):
            if not name or "/" in name:
                raise ValueError(f"index: expected names of files, got {name!r}")
        for name, value in _given(self.headers, {}).items():
            if not _FIELD_NAME.fullmatch(name) or name.lower() in _FRAMING:
                raise ValueError(f"headers: {name!r} is no header field that a folder can set")
            if _CONTROL.search(value):
                raise ValueError(f"headers: expected one line of text for {name}")
        for source, target in _given(self.redirects, {}).items():
            if not target or _CONTROL.search(target):
                raise ValueError(f"redirects: expected a URL or a path for {source!r}")
        for status, path in _given(self.errors, {}).items():
            if not re.fullmatch(r"[45]\d\d", status) or not path:
                raise ValueError(f"errors: expected a status from 400 to 599 and a file for it, got {status!r}")
        check_extensions(_given(self.extensions, {}))
        if not _given(self.timeout, 1.0):
            raise ValueError("timeout: expected more than 0")


class FolderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What holds in one folder: every field has a value."""

    debug: bool
    autoreload: bool
    timeout: float
    scripts: bool
    listing: bool
    index: tuple[str, ...]
    headers: dict[str, str]
    redirects: dict[str, str]
    errors: dict[str, str]
    options: dict[str, OptionValue]
    extensions: dict[str, str] = {}
    auth: Auth | None = None

    @classmethod
    def of_server(cls, server: ServerSettings) -> FolderSettings:
        """What holds above the site's own folder."""
        return cls(
            debug=server.debug,
            autoreload=server.autoreload,
            timeout=float(server.timeout),
            scripts=server.scripts,
            listing=server.listing,
            index=DEFAULT_INDEX,
            headers={},
            redirects={},
            errors={},
            options=dict(server.options),
            extensions=dict(server.extensions),
        )

    def with_file(self, file: FolderFile, folder: tuple[str, ...] = ()) -> FolderSettings:
        """What holds in `folder`, below this one, whose `_folder.toml` is `file`."""
        headers = {**self.headers, **_given(file.headers, {})}
        return FolderSettings(
            debug=_given(file.debug, self.debug),
            autoreload=_given(file.autoreload, self.autoreload),
            timeout=min(self.timeout, _given(file.timeout, self.timeout)),
            scripts=self.scripts and _given(file.scripts, True),
            listing=_given(file.listing, self.listing),
            index=_given(file.index, self.index),
            headers={name: value for name, value in headers.items() if value},
            redirects=_given(file.redirects, {}),
            errors={**self.errors, **_given(file.errors, {})},
            options={**self.options, **_given(file.options, {})},
            extensions={**self.extensions, **_given(file.extensions, {})},
            auth=self._auth(file, folder),
        )

    def _auth(self, file: FolderFile, folder: tuple[str, ...]) -> Auth | None:
        said = file.auth
        if isinstance(said, UnsetType):
            return self.auth
        return None if said.off else Auth(folder=folder, said=said, scripts=self.scripts and _given(file.scripts, True))

    def below(self) -> FolderSettings:
        """What holds in a folder below this one that has no `_folder.toml`."""
        return msgspec.structs.replace(self, redirects={}) if self.redirects else self


def _given(value: T | UnsetType, inherited: T) -> T:
    return inherited if isinstance(value, UnsetType) else value
