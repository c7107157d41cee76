"""Where in a site a URL path leads: the entry, what was left of the path, and the settings that hold there.

Only lookups, no decision: what a place becomes is the table's business (`folder.py`).
"""

from __future__ import annotations

from functools import partial

import attrs

from twistedsite.origins.interface import Entry, Kind
from twistedsite.origins.lookups import Lookups
from twistedsite.resources.mapping.first_line import Directive, FirstLines
from twistedsite.resources.mapping.inheritance import Chain
from twistedsite.scripts.dialects import SCRIPTS, STATIC, TEMPLATES
from twistedsite.settings.folder import FolderSettings

RUNNABLE = (*SCRIPTS, *TEMPLATES)
"""Extensions of what an extension-less URL may mean, before any folder adds to them."""


@attrs.frozen
class Place:
    """What a URL path has led to."""

    path: tuple[str, ...]
    """The path's segments, without the empty one that a closing slash makes."""
    slash: bool
    """The path ended with a slash."""
    entry: Entry | None
    settings: FolderSettings
    """What holds in the folder of the entry (in the entry itself, if it is a folder)."""
    lookups: Lookups
    """What has led here. Further look-ups on which the answer depends are added to it."""
    rest: tuple[str, ...] = ()
    """The segments after a script that an ancestor turned out to be: its PATH_INFO."""
    redirect: str | None = None
    """Where the settings of a folder on the way send this path."""
    index: Entry | None = None
    """The index of the entry, if it is a folder that has one."""
    directive: Directive | None = None
    """What the first line of the entry, or else of the index, says."""
    handled: bool = False
    """The entry is the `handler` of a folder above."""

    @property
    def script_path(self) -> tuple[str, ...]:
        """The part of the path that names the script."""
        return self.path[: len(self.path) - len(self.rest)]

    @property
    def path_info(self) -> str:
        """The part of the path that comes after the script."""
        return "".join(f"/{segment}" for segment in self.rest) + "/" * self.slash

    @property
    def extension(self) -> str:
        """The entry's extension, in lower case, with its dot."""
        return extension_of(self.entry.name) if self.entry is not None else ""

    @property
    def is_renamed(self) -> bool:
        """The entry is a script that the path names by another extension than its own."""
        return self.entry is not None and self.extension in SCRIPTS and not self.entry.name.startswith(self.path[-1])

    @property
    def dialect(self) -> str:
        """The dialect or installed handler that runs the entry, if scripts run here; empty: it is sent as it is."""
        if self.directive is not None:
            return "dbpy" if self.directive is Directive.EXECUTE else ""
        return dialect_of_name(self.entry.name, self.settings) if self.entry is not None else ""

    @property
    def is_template(self) -> bool:
        """Whether the entry is filled in rather than run: it is there for its own URL only."""
        return self.dialect in TEMPLATES.values()


def extension_of(name: str) -> str:
    """The part of a file name from its last dot on, in lower case; empty where there is none."""
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""


def dialect_of_name(name: str, folder: FolderSettings) -> str:
    """The dialect or installed handler for a file of this name where `folder` holds; empty where there is none."""
    extension = extension_of(name)
    named = folder.extensions.get(extension)
    if named is None:
        named = SCRIPTS.get(extension) or TEMPLATES.get(extension) or ""
    if named == "python":
        return folder.dialect
    return "" if named in STATIC else named


def possible_directive(entry: Entry, folder: FolderSettings) -> Directive | None:
    """The one directive that `entry` may begin with where `folder` holds; None where its name says all."""
    if entry.kind is not Kind.FILE:
        return None
    dialect = dialect_of_name(entry.name, folder)
    if dialect == "dbpy":
        return Directive.NOEXECUTE
    return None if dialect or extension_of(entry.name) in folder.extensions else Directive.EXECUTE


class Finder:
    """Follows one path, whose folders have the settings `chain`."""

    def __init__(
        self, path: tuple[str, ...], slash: bool, chain: Chain, lookups: Lookups, first_lines: FirstLines
    ) -> None:
        self._path = path
        self._slash = slash
        self._chain = chain
        self._lookups = lookups
        self._first_lines = first_lines
        self._place = partial(Place, path, slash, lookups=lookups)

    async def find(self) -> Place:
        """Return where the path leads. Raises HttpProblem where the settings on the way have a fault."""
        path, slash, chain = self._path, self._slash, self._chain
        folder = chain.at(max(0, len(path) - 1))
        if (redirect := self._redirect()) is not None:
            return self._place(None, folder, redirect=redirect)
        if (handled := await self._handled()) is not None:
            return handled
        entry = await self._lookups.one(path)
        if entry is None or entry.kind is Kind.DELETED:
            return await self._from_ancestor() or self._place(entry, folder)
        if entry.kind is not Kind.FOLDER:
            return self._place(entry, folder, directive=await self._directive(entry, folder))
        settings = chain.at(len(path))
        index = await self._lookups.first_file((*path, name) for name in settings.index) if slash else None
        directive = None if index is None else await self._directive(index, settings)
        return self._place(entry, settings, index=index, directive=directive)

    async def _directive(self, entry: Entry, folder: FolderSettings) -> Directive | None:
        return await self._first_lines.directive_of(entry, possible_directive(entry, folder))

    def _redirect(self) -> str | None:
        for depth in range(len(self._path)):
            if redirects := self._chain.at(depth).redirects:
                below = "/".join(self._path[depth:]) + ("/" if self._slash else "")
                target = redirects.get(below, redirects.get("/" + below))
                if target is not None:
                    return target if _is_absolute(target) else "../" * below.count("/") + target
        return None

    async def _handled(self) -> Place | None:
        """The script that answers everything at the path, where the settings name one."""
        settings = self._chain.at(len(self._path))
        rest = self._path[len(settings.handler_folder) :]
        if not settings.handler or not settings.scripts or not (rest or self._slash):
            return None
        entry = await self._lookups.one(settings.handler)
        directive = None if entry is None else await self._directive(entry, settings)
        return self._place(entry, settings, rest=rest, handled=True, directive=directive)

    async def _from_ancestor(self) -> Place | None:
        """What ends the way down to the path, where nothing stands: a script, or a link that may not be followed."""
        path, slash = self._path, self._slash
        ways = [path[:depth] for depth in range(1, len(path) + 1)]
        await self._lookups.prepare(ways)
        for depth, way in enumerate(ways):
            rest = path[len(way) :]
            entry = await self._lookups.one(way)
            if entry is not None and entry.kind is Kind.FOLDER:
                continue
            settings = self._chain.at(depth)
            if entry is not None and entry.kind is Kind.OUTSIDE:
                return self._place(entry, settings)
            if entry is None or entry.kind is Kind.DELETED:
                entry = await self._by_another_name(way, settings)
            if entry is None or entry.kind is not Kind.FILE or not settings.scripts:
                return None
            directive = await self._directive(entry, settings)
            place = self._place(entry, settings, rest=rest, directive=directive)
            if directive is Directive.NOEXECUTE:
                return place
            # A template is for its own URL only.
            return place if place.dialect and not (place.is_template and (rest or slash)) else None
        return None

    async def _by_another_name(self, path: tuple[str, ...], settings: FolderSettings) -> Entry | None:
        """The script or template that `path` means without naming it: by one call to the origin."""
        modules, named = _modules(path, settings), _with_extensions(path, settings)
        await self._lookups.prepare([*modules, *named])
        if (module := await self._lookups.first_file(modules)) is not None:
            return module
        found = [entry for entry in await self._lookups.many(named) if entry is not None and entry.kind is Kind.FILE]
        return found[0] if len(found) == 1 else None


def _is_absolute(target: str) -> bool:
    return target.startswith("/") or ":" in target.split("/", 1)[0]


def _modules(path: tuple[str, ...], folder: FolderSettings) -> list[tuple[str, ...]]:
    """The modules that the last of `path` may name, whatever its extension, where scripts are handlers."""
    if folder.dialect != "handler":
        return []
    stems = dict.fromkeys((path[-1], path[-1].removesuffix(extension_of(path[-1]))))
    return [(*path[:-1], f"{stem}.py") for stem in stems]


def _with_extensions(path: tuple[str, ...], folder: FolderSettings) -> list[tuple[str, ...]]:
    """`path` with each extension of what an extension-less URL may mean: the one script or template, if it is one."""
    extensions = dict.fromkeys((*RUNNABLE, *folder.extensions))
    return [
        (*path[:-1], path[-1] + extension) for extension in extensions if folder.extensions.get(extension) not in STATIC
    ]
