"""Which bytes answer a request for a file: its own, those of a compressed file beside it, or its content compressed.

`StaticFile` asks for one by `select`, sends it, and closes it.
"""

from __future__ import annotations

import attrs

from twistedsite.origins.interface import Entry, GoneError, Kind, OpenFile, arrived
from twistedsite.resources import conditional
from twistedsite.resources.base import SiteContext
from twistedsite.resources.compression import SUFFIXES
from twistedsite.resources.encoded import Source
from twistedsite.settings.server import Coding

SETTLED = 2.0
"""Seconds after which a file's version is sure: two writes in one tick of a file system's clock look the same."""


@attrs.frozen
class Representation:
    """What was selected (RFC 9110, 3.2): its validators, and an open file or the bytes themselves."""

    file: OpenFile
    size: int
    """Bytes of content."""
    etag: bytes
    modified: float
    coding: Coding | None = None
    body: bytes | None = None
    """The content where it is not that of `file`."""
    settled: bool = True
    """The file has been left alone for long enough to keep what was made from it."""

    def close(self) -> None:
        """Release the file."""
        self.file.close()


async def select(site: SiteContext, entry: Entry, codings: tuple[Coding, ...]) -> Representation:
    """Return how to answer with `entry` a client that takes `codings`, the best first, or the file as it is.

    Raises GoneError.
    """
    file = await arrived(site.origin.open(entry))
    try:
        for coding in codings:
            if beside := await _beside(site, entry, file, coding):
                file.close()
                return beside
        return (codings and await _encoded(site, entry, file, codings[0])) or _of_file(site, file, None)
    except BaseException:
        file.close()
        raise


async def _beside(site: SiteContext, entry: Entry, file: OpenFile, coding: Coding) -> Representation | None:
    name = entry.name + SUFFIXES[coding]
    found = await arrived(site.origin.lookup((*entry.path[:-1], name)))
    if found is None or found.kind is not Kind.FILE or found.mtime < file.mtime:
        return None
    try:
        return _of_file(site, await arrived(site.origin.open(found)), coding)
    except GoneError:
        return None


def _of_file(site: SiteContext, file: OpenFile, coding: Coding | None) -> Representation:
    etag = conditional.make_etag(file.version, coding or "")
    now = site.delivery.now()
    return Representation(file, file.size, etag, min(file.mtime, now), coding, settled=file.mtime + SETTLED < now)


async def _encoded(site: SiteContext, entry: Entry, file: OpenFile, coding: Coding) -> Representation | None:
    limits = site.settings.compression
    if not limits.smallest <= file.size <= limits.largest:
        return None
    plain = _of_file(site, file, None)
    source = Source(site.name, entry.path, file.version, coding)
    body = await site.delivery.encoded.get(source, file.fileno(), file.size, keep=plain.settled)
    if body is None:
        return None
    etag = conditional.make_etag(file.version, coding)
    return attrs.evolve(plain, size=len(body), etag=etag, coding=coding, body=body)
