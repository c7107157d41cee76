"""The settings of one folder: `_folder.toml` as written, and the settings after inheritance.

A folder can lower a limit of the server, and never raise it. It can turn scripts off, and never on.
"""

from __future__ import annotations

import keyword
import os
import re
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from twistedsite.settings.auth import Auth, FolderAuth
from twistedsite.settings.reserved_fields import RESERVED
from twistedsite.settings.server import ServerSettings, check_extensions
from twistedsite.settings.units import Duration
from twistedsite.settings.values import OptionValue, parse_paths

T = TypeVar("T")

FILE_NAME = "_folder.toml"

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
    writable: tuple[str, ...] | UnsetType = UNSET
    """Files and folders, as paths from the site's root, that scripts of this folder may write; empty: none. What the
    folders above and the server do not allow stays forbidden."""
    options: dict[str, OptionValue] | UnsetType = UNSET
    """Names of your own that scripts can read; added to those of the folders above."""
    extensions: dict[str, str] | UnsetType = UNSET
    """Extension -> dialect or installed handler that runs such files, e.g. `".cgi" = "printing"`; `"static"`: they are
    sent as they are. Added to those of the folders above."""
    auth: FolderAuth | UnsetType = UNSET
    """Who may enter; replaces what the folders above say. See below."""

    dialect: str | UnsetType = UNSET
    """What this folder's `.py` files are: `python` (the default: each file's own definitions tell), `printing`,
    `handler`, `publisher` and others."""
    interpreter: str | UnsetType = UNSET
    """Scripts of all folders with one interpreter share their modules; `""`: each folder has its own."""
    pythonpath: tuple[str, ...] | UnsetType = UNSET
    """Folders searched for modules in place of the script's own: relative to this one, or from the site's root."""
    shadow_stdlib: bool | UnsetType = UNSET
    """A module of the site wins over one of Python's with its name, for the scripts of this folder: then a page
    `random.py` is what `import random` finds. Libraries find Python's own in any case."""
    rootpkg: str | UnsetType = UNSET
    """The package that this folder is: its `NAME.py` is the module `ROOTPKG.NAME`."""
    handler: str | UnsetType = UNSET
    """The script that answers every URL below this folder: relative to it, or from the site's root; `""`: none."""

    def __post_init__(self) -> None:
        for name in _given(self.index, ()):
            if not name or "/" in name:
                raise ValueError(f"index: expected names of files, got {name!r}")
        for name, value in _given(self.headers, {}).items():
            if not _FIELD_NAME.fullmatch(name) or name.lower() in RESERVED:
                raise ValueError(f"headers: {name!r} is no header field that a folder can set")
            if _CONTROL.search(value):
                raise ValueError(f"headers: expected one line of text for {name}")
        for source, target in _given(self.redirects, {}).items():
            if not target or _CONTROL.search(target):
                raise ValueError(f"redirects: expected a URL or a path for {source!r}")
        for status, path in _given(self.errors, {}).items():
            if not re.fullmatch(r"[45]\d\d", status) or not path:
                raise ValueError(f"errors: expected a status from 400 to 599 and a file for it, got {status!r}")
        parse_paths(_given(self.writable, ()), "writable")
        check_extensions(_given(self.extensions, {}))
        if not _given(self.timeout, 1.0):
            raise ValueError("timeout: expected more than 0")
        if not re.fullmatch(r"[\w .-]{0,100}", _given(self.interpreter, "")):
            raise ValueError("interpreter: expected a name of at most 100 letters, digits and blanks")
        for part in (_given(self.rootpkg, "") or "none").split("."):
            if not part.isidentifier() or keyword.iskeyword(part):
                raise ValueError(f"rootpkg: expected the name of a package, such as shop.pages, got {self.rootpkg!r}")
        for path in (*_given(self.pythonpath, ()), _given(self.handler, "") or "."):
            if not path or _CONTROL.search(path):
                raise ValueError("pythonpath and handler: expected paths in the site")


class FolderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one folder after inheritance: every field has a value."""

    debug: bool
    autoreload: bool
    timeout: float
    scripts: bool
    listing: bool
    index: tuple[str, ...]
    headers: dict[str, str]
    redirects: dict[str, str]
    errors: dict[str, str]
    writable: tuple[tuple[str, ...], ...]
    """Segments of each path that scripts may write."""
    options: dict[str, OptionValue]
    dialect: str = "python"
    interpreter: str = ""
    interpreter_folder: tuple[str, ...] = ()
    """The folder whose settings name `interpreter`."""
    pythonpath: tuple[str, ...] | None = None
    """Paths from the site's root, without a slash at the start. Absolute paths are outside of the site."""
    pythonpath_allowed: tuple[str, ...] = ()
    """The folders outside of the site that the server allows."""
    shadow_stdlib: bool = False
    rootpkg: str = ""
    rootpkg_folder: tuple[str, ...] = ()
    handler: tuple[str, ...] = ()
    """The path of the script; empty: none."""
    handler_folder: tuple[str, ...] = ()
    """The folder whose settings name `handler`. The handler answers every URL below it."""
    extensions: dict[str, str] = {}
    auth: Auth | None = None

    @classmethod
    def of_server(cls, server: ServerSettings) -> FolderSettings:
        """The settings above the site's root folder."""
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
            writable=parse_paths(server.storage.writable, "storage.writable"),
            options=dict(server.options),
            extensions=dict(server.extensions),
            pythonpath_allowed=tuple(map(os.path.abspath, server.pythonpath)),
        )

    def with_file(self, file: FolderFile, folder: tuple[str, ...] = ()) -> FolderSettings:
        """The settings of `folder`, a path from the site's root below this one, whose `_folder.toml` is `file`.

        Raises ValueError for a path in it that leads out of the site.
        """
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
            writable=self._narrowed(file.writable),
            options={**self.options, **_given(file.options, {})},
            extensions={**self.extensions, **_given(file.extensions, {})},
            auth=self._auth(file, folder),
            dialect=_given(file.dialect, self.dialect),
            interpreter=_given(file.interpreter, self.interpreter),
            interpreter_folder=folder if file.interpreter is not UNSET else self.interpreter_folder,
            pythonpath=self.pythonpath
            if isinstance(file.pythonpath, UnsetType)
            else tuple(self._module_folder(folder, path) for path in file.pythonpath),
            pythonpath_allowed=self.pythonpath_allowed,
            shadow_stdlib=_given(file.shadow_stdlib, self.shadow_stdlib),
            rootpkg=_given(file.rootpkg, self.rootpkg),
            rootpkg_folder=folder if file.rootpkg is not UNSET else self.rootpkg_folder,
            handler=self.handler
            if isinstance(file.handler, UnsetType)
            else path_in_site(folder, file.handler, "handler")
            if file.handler
            else (),
            handler_folder=folder if file.handler is not UNSET else self.handler_folder,
        )

    def _auth(self, file: FolderFile, folder: tuple[str, ...]) -> Auth | None:
        said = file.auth
        if isinstance(said, UnsetType):
            return self.auth
        return None if said.off else Auth(folder=folder, said=said, scripts=self.scripts and _given(file.scripts, True))

    def _module_folder(self, folder: tuple[str, ...], path: str) -> str:
        if any(path == allowed or path.startswith(allowed.rstrip("/") + "/") for allowed in self.pythonpath_allowed):
            if ".." in path.split("/"):
                raise ValueError(f"pythonpath: {path!r} must not have .. in it")
            return path
        return "/".join(path_in_site(folder, path, "pythonpath"))

    def below(self) -> FolderSettings:
        """What holds in a folder below this one that has no `_folder.toml`."""
        return msgspec.structs.replace(self, redirects={}) if self.redirects else self

    def _narrowed(self, writable: tuple[str, ...] | UnsetType) -> tuple[tuple[str, ...], ...]:
        """What lies both below one of the paths `writable` and below one that may be written so far."""
        if isinstance(writable, UnsetType):
            return self.writable
        wanted = parse_paths(writable, "writable")
        pairs = ((old, new) if len(old) > len(new) else (new, old) for old in self.writable for new in wanted)
        return tuple(dict.fromkeys(longer for longer, shorter in pairs if longer[: len(shorter)] == shorter))


def path_in_site(folder: tuple[str, ...], path: str, key: str) -> tuple[str, ...]:
    """The path from the site's root that `path` means in `folder`. ValueError, naming `key`, where it leads out."""
    segments = [] if path.startswith("/") else list(folder)
    for segment in path.split("/"):
        if segment == ".." and not segments:
            raise ValueError(f"{key}: {path!r} is outside of the site")
        if segment == "..":
            segments.pop()
        elif segment not in ("", "."):
            segments.append(segment)
    return tuple(segments)


def _given(value: T | UnsetType, inherited: T) -> T:
    return inherited if isinstance(value, UnsetType) else value
