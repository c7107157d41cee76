"""A site's own error pages: HTML files that its settings name, or that stand in `/_errors/`."""

from __future__ import annotations

from typing import Final

from twisted.logger import Logger

from twistedsite.origins.interface import GoneError, Kind, Path, await_if_deferred
from twistedsite.origins.lookups import Lookups
from twistedsite.settings.folder import FolderSettings

OWN_PAGE_LIMIT: Final = 256 * 1024
"""Longest error page of a site's own, in bytes."""

_log = Logger()


async def own_page(status: int, folder: FolderSettings, lookups: Lookups, site: str) -> bytes | None:
    """The page for `status` where `folder` holds, as it stands in the file; None where there is none that can be read.

    `site` is the site's name, for the log.
    """
    *named, _, _ = places = _places(status, folder)
    paths = [(place, path) for place in places if (path := _path(place)) is not None]
    for place, path in paths:
        try:
            await lookups.prepare(path for _, path in paths)
            page = await _read(path, lookups)
        except Exception:
            _log.failure("{site}: the error page {place} cannot be read", site=site, place=place)
            lookups.fail()
            page = None
        if page is not None:
            return page
        if place in named:
            _log.warn("{site}: the error page {place} cannot be read", site=site, place=place)
    return None


def _places(status: int, folder: FolderSettings) -> list[str]:
    """Where the page may stand: the first that does is sent."""
    group = f"{status // 100}xx"
    named = folder.errors.get(str(status)) or folder.errors.get(group)
    return [*([named] if named is not None else []), f"/_errors/{status}.html", f"/_errors/{group}.html"]


def _path(place: str) -> Path | None:
    """The path of an HTML file that `place` names, from the site's root; None where it names something else."""
    segments = tuple(place.removeprefix("/").split("/"))
    if not place.endswith((".html", ".htm")) or any(s in ("", ".", "..") or "\0" in s or "\\" in s for s in segments):
        _log.warn("the error page {place} is not an HTML file of the site", place=place)
        return None
    return segments


async def _read(path: Path, lookups: Lookups) -> bytes | None:
    entry = await lookups.one(path)
    if entry is None or entry.kind is not Kind.FILE:
        return None
    try:
        return await await_if_deferred(lookups.origin.read(entry, OWN_PAGE_LIMIT))
    except GoneError:
        return None
