"""Which bytes answer a request for a file: its own, those of a compressed file beside it, or its content compressed.

`StaticFile` asks for one by `select`, sends it, and closes it.
"""

from __future__ import annotations

import attrs

from twistedsite.origins.interface import Entry, GoneError, Kind, OpenFile, Path, await_if_deferred
from twistedsite.origins.lookups import Lookups
from twistedsite.resources.content import conditional
from twistedsite.resources.content.compression import SUFFIXES
from twistedsite.resources.content.encoded import FileVersion
from twistedsite.resources.site.context import SiteContext
from twistedsite.settings.server import Coding


@attrs.frozen
class Representation:
    """What was selected (RFC 9110, 3.2): its validators, and an open file or the bytes themselves."""

    file: OpenFile
    size: int
    """Bytes of content."""
    etag: bytes
    modified: float
    settled: bool
    """The file has been left alone for long enough to keep what was made from it."""
    coding: Coding | None = None
    body: bytes | None = None
    """The content where it is not that of `file`."""

    def close(self) -> None:
        """Release the file."""
        self.file.close()


async def select(site: SiteContext, entry: Entry, codings: tuple[Coding, ...], lookups: Lookups) -> Representation:
    """Return how to answer with `entry` a client that takes `codings`, the best first, or the file as it is.

    Raises GoneError, ShortFileError and OriginError.
    """
    file = await await_if_deferred(site.origin.open(entry))
    try:
        await lookups.prepare(_path_beside(entry, coding) for coding in codings)
        for coding in codings:
            if beside := await _beside(site, entry, file, coding, lookups):
                file.close()
                return beside
        plain = _of_file(site, file)
        return (codings and await _encoded(site, entry, plain, codings[0])) or plain
    except BaseException:
        file.close()
        raise


def _path_beside(entry: Entry, coding: Coding) -> Path:
    """Where the content of `entry` may stand in `coding`."""
    return (*entry.path[:-1], entry.name + SUFFIXES[coding])


async def _beside(
    site: SiteContext, entry: Entry, file: OpenFile, coding: Coding, lookups: Lookups
) -> Representation | None:
    found = await lookups.one(_path_beside(entry, coding))
    if found is None or found.kind is not Kind.FILE or found.mtime < file.mtime:
        return None
    try:
        beside = await await_if_deferred(site.origin.open(found))
    except GoneError:
        return None
    return _of_file(site, beside, coding)


def _of_file(site: SiteContext, file: OpenFile, coding: Coding | None = None) -> Representation:
    etag = conditional.make_etag(file.version, coding or "")
    now = site.services.now()
    # What a file of the future says of its last modification is different at each request.
    settled = file.settled and file.mtime <= now
    return Representation(file, file.size, etag, min(file.mtime, now), settled, coding)


async def _encoded(site: SiteContext, entry: Entry, plain: Representation, coding: Coding) -> Representation | None:
    limits, file = site.settings.compression, plain.file
    if not limits.smallest <= file.size <= limits.largest:
        return None
    source = FileVersion(site.name, entry.path, file.version, coding)
    body = await site.services.encoded.get(source, file, keep=plain.settled)
    if body is None:
        return None
    etag = conditional.make_etag(file.version, coding)
    return attrs.evolve(plain, size=len(body), etag=etag, coding=coding, body=body)
