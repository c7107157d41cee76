"""Where in a site a URL path leads: the entry, what was left of the path, and the settings that hold there.

Only lookups, no decision: what a place becomes is the table's business (`folder.py`).
"""

from __future__ import annotations

import attrs

from twistedsite.origins.interface import Entry, Kind, Origin, await_if_deferred
from twistedsite.resources.mapping.first_line import Mark, Marks
from twistedsite.resources.mapping.inheritance import Chain, Inheritance
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
    rest: tuple[str, ...] = ()
    """The segments after a script that an ancestor turned out to be: its PATH_INFO."""
    redirect: str | None = None
    """Where the settings of a folder on the way send this path."""
    index: Entry | None = None
    """The index of the entry, if it is a folder that has one."""
    mark: Mark | None = None
    """What the first line of the entry, or else of the index, says."""
    handled: bool = False
    """The entry is the `handler` of a folder above."""

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
        if self.mark is not None:
            return "dbpy" if self.mark is Mark.EXECUTE else ""
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


def possible_mark(entry: Entry, folder: FolderSettings) -> Mark | None:
    """The one mark that `entry` may have where `folder` holds; None where its name says all."""
    if entry.kind is not Kind.FILE:
        return None
    dialect = dialect_of_name(entry.name, folder)
    if dialect == "dbpy":
        return Mark.NOEXECUTE
    return None if dialect or extension_of(entry.name) in folder.extensions else Mark.EXECUTE


async def find(path: tuple[str, ...], slash: bool, origin: Origin, inheritance: Inheritance, marks: Marks) -> Place:
    """Follow `path`. Raises HttpProblem where the settings on the way have a fault."""
    chain = await inheritance.along(path)
    folder = chain.at(max(0, len(path) - 1))
    if (redirect := _redirect(path, slash, chain)) is not None:
        return Place(path, slash, None, folder, redirect=redirect)
    if (handled := await _handled(path, slash, origin, chain, marks)) is not None:
        return handled
    entry = await await_if_deferred(origin.lookup(path))
    if entry is None:
        return await _from_ancestor(path, slash, origin, chain, marks) or Place(path, slash, None, folder)
    if entry.kind is not Kind.FOLDER:
        return Place(path, slash, entry, folder, mark=await marks.of(entry, possible_mark(entry, folder)))
    settings = chain.at(len(path))
    index = await _index(path, settings, origin) if slash else None
    mark = None if index is None else await marks.of(index, possible_mark(index, settings))
    return Place(path, slash, entry, settings, index=index, mark=mark)


def _redirect(path: tuple[str, ...], slash: bool, chain: Chain) -> str | None:
    for depth in range(len(path)):
        if redirects := chain.at(depth).redirects:
            below = "/".join(path[depth:]) + ("/" if slash else "")
            target = redirects.get(below, redirects.get("/" + below))
            if target is not None:
                return target if _is_absolute(target) else "../" * below.count("/") + target
    return None


async def _handled(path: tuple[str, ...], slash: bool, origin: Origin, chain: Chain, marks: Marks) -> Place | None:
    """The script that answers everything at `path`, where the settings name one."""
    settings = chain.at(len(path))
    rest = path[len(settings.handler_folder) :]
    if not settings.handler or not settings.scripts or not (rest or slash):
        return None
    entry = await await_if_deferred(origin.lookup(settings.handler))
    mark = None if entry is None else await marks.of(entry, possible_mark(entry, settings))
    return Place(path, slash, entry, settings, rest=rest, handled=True, mark=mark)


def _is_absolute(target: str) -> bool:
    return target.startswith("/") or ":" in target.split("/", 1)[0]


async def _index(path: tuple[str, ...], settings: FolderSettings, origin: Origin) -> Entry | None:
    for name in settings.index:
        entry = await await_if_deferred(origin.lookup((*path, name)))
        if entry is not None and entry.kind is Kind.FILE:
            return entry
    return None


async def _from_ancestor(
    path: tuple[str, ...], slash: bool, origin: Origin, chain: Chain, marks: Marks
) -> Place | None:
    """What ends the way down to `path`, where nothing stands: a script, or a link that may not be followed."""
    for depth in range(1, len(path) + 1):
        way, rest = path[:depth], path[depth:]
        entry = await await_if_deferred(origin.lookup(way)) if rest else None
        if entry is not None and entry.kind is Kind.FOLDER:
            continue
        settings = chain.at(depth - 1)
        if entry is not None and entry.kind is Kind.OUTSIDE:
            return Place(path, slash, entry, settings)
        entry = entry or await _module(way, origin, settings) or await _without_extension(way, settings, origin)
        if entry is None or entry.kind is not Kind.FILE or not settings.scripts:
            return None
        mark = await marks.of(entry, possible_mark(entry, settings))
        place = Place(path, slash, entry, settings, rest=rest, mark=mark)
        if mark is Mark.NOEXECUTE:
            return place
        # A template is for its own URL only.
        return place if place.dialect and not (place.is_template and (rest or slash)) else None
    return None


async def _module(path: tuple[str, ...], origin: Origin, settings: FolderSettings) -> Entry | None:
    """The module that the last of `path` names, whatever its extension, where scripts are handlers."""
    if settings.dialect != "handler":
        return None
    for stem in dict.fromkeys((path[-1], path[-1].removesuffix(extension_of(path[-1])))):
        entry = await await_if_deferred(origin.lookup((*path[:-1], stem + ".py")))
        if entry is not None and entry.kind is Kind.FILE:
            return entry
    return None


async def _without_extension(path: tuple[str, ...], folder: FolderSettings, origin: Origin) -> Entry | None:
    """The one script or template whose name is `path`'s plus an extension; None where there are none or several."""
    found = None
    for extension in dict.fromkeys((*RUNNABLE, *folder.extensions)):
        if folder.extensions.get(extension) in STATIC:
            continue
        entry = await await_if_deferred(origin.lookup((*path[:-1], path[-1] + extension)))
        if entry is not None and entry.kind is Kind.FILE:
            if found is not None:
                return None
            found = entry
    return found
