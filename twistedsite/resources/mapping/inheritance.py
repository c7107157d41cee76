"""The settings that hold in a folder: every `_folder.toml` on the way down to it, read through the origin.

Each file is parsed once for each version of it; whether it has changed is asked at every request, so that an edit is
live at once.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict

import msgspec
from twisted.logger import Logger

from twistedsite.origins.interface import Entry, GoneError, Kind, Origin, await_if_deferred
from twistedsite.origins.lookups import Lookups
from twistedsite.resources.site.error import HttpProblem
from twistedsite.scripts.dialects import PYTHON_DIALECTS, check_handlers, unknown_dialect
from twistedsite.settings.folder import FILE_NAME, FolderFile, FolderSettings
from twistedsite.settings.load import SettingsError, convert, parse_toml
from twistedsite.settings.server import ServerSettings

FILE_LIMIT = 64 * 1024
"""Longest `_folder.toml`, in bytes."""

_CACHE_LIMIT = 4096


class _Fault(msgspec.Struct, frozen=True):
    """Of a file that cannot be used: its reference in the log and on pages, and what pages say."""

    reference: str
    message: str


class Chain:
    """The settings along one path, as they were when it was followed."""

    def __init__(self, steps: list[FolderSettings | _Fault]) -> None:
        self._steps = steps

    def at(self, depth: int) -> FolderSettings:
        """What holds in the folder of the first `depth` segments. Raises HttpProblem 500 where a file has a fault."""
        settings = self._steps[depth]
        if isinstance(settings, _Fault):
            raise HttpProblem(500, settings.message, reference=settings.reference)
        return settings


class Inheritance:
    """The folder settings of one site."""

    _log = Logger()

    def __init__(self, origin: Origin, server: ServerSettings) -> None:
        self._origin = origin
        self._above = FolderSettings.of_server(server)
        self._known: OrderedDict[tuple[str, ...], tuple[tuple[str, ...], FolderSettings | _Fault]]
        self._known = OrderedDict()

    async def along(self, path: tuple[str, ...], lookups: Lookups) -> Chain:
        """Return what holds in the root and in each folder on `path`, whether or not it exists.

        The files, and `path` itself, are looked up by one call to the origin. A file with a fault is named in the log,
        once for each version of it.
        """
        folders = [path[:depth] for depth in range(len(path) + 1)]
        files = [(*folder, FILE_NAME) for folder in folders]
        await lookups.prepare([*files, path])
        steps: list[FolderSettings | _Fault] = []
        versions: tuple[str, ...] = ()
        above: FolderSettings | _Fault = self._above
        for folder, entry in zip(folders, await lookups.many(files), strict=True):
            if entry is not None and entry.kind is Kind.DELETED:
                entry = None
            versions = (*versions, "" if entry is None else entry.version or entry.kind.value)
            if entry is not None:
                above = await self._with_file(folder, entry, versions, above)
            elif isinstance(above, FolderSettings):
                above = above.below()
            steps.append(above)
        return Chain(steps)

    async def _with_file(
        self, folder: tuple[str, ...], entry: Entry, versions: tuple[str, ...], above: FolderSettings | _Fault
    ) -> FolderSettings | _Fault:
        """What holds in `folder`, whose file is `entry`; `versions` are those of all files that have a say."""
        known = self._known.get(folder)
        if known is not None and known[0] == versions:
            return known[1]
        inherited = await self._inherited(above, entry, folder)
        if entry.settled:
            self._known[folder] = (versions, inherited)
            if len(self._known) > _CACHE_LIMIT:
                self._known.popitem(last=False)
        return inherited

    async def _inherited(
        self, above: FolderSettings | _Fault, entry: Entry, folder: tuple[str, ...]
    ) -> FolderSettings | _Fault:
        if isinstance(above, _Fault):
            return above
        try:
            return _applied(above, await self._read(entry), entry)
        except SettingsError as error:
            which = f": {error}." if above.debug else "; the server's log says which."
            found = _Fault(secrets.token_hex(4), "The settings of this folder have a fault" + which)
            self._log.error("{fault} (reference {reference})", fault=str(error), reference=found.reference)
            return found

    async def _read(self, entry: Entry) -> FolderFile:
        source = "/".join(entry.path)
        if entry.kind is not Kind.FILE or entry.size > FILE_LIMIT:
            raise SettingsError(source, "", f"is not a plain file of at most {FILE_LIMIT} bytes inside the site")
        try:
            text = await await_if_deferred(self._origin.read(entry, FILE_LIMIT))
        except GoneError:
            raise SettingsError(source, "", "cannot be read") from None
        return convert(parse_toml(text, source), FolderFile, source)


def _applied(above: FolderSettings, file: FolderFile, entry: Entry) -> FolderSettings:
    """What holds in the folder of `entry`, which says `file`; raises SettingsError."""
    source = "/".join(entry.path)
    if file.extensions:
        check_handlers(file.extensions, source)
    if isinstance(file.dialect, str) and file.dialect not in PYTHON_DIALECTS:
        raise SettingsError(source, "dialect", unknown_dialect(file.dialect))
    try:
        return above.with_file(file, entry.path[:-1])
    except ValueError as error:
        key, _, problem = str(error).partition(": ")
        raise SettingsError(source, key, problem) from None
