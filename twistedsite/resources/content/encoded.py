"""Compressed content of files, kept in memory so that each version of a file is compressed once."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from twistedsite.http.connection.sendfile import ShortFileError
from twistedsite.origins.interface import OpenFile, await_if_deferred
from twistedsite.resources.content.background import BackgroundThreads
from twistedsite.resources.content.compression import encode
from twistedsite.resources.content.sending import read_blocking
from twistedsite.settings.server import Coding

_OVERHEAD = 512
"""About what an entry costs beside its body, in bytes."""


class FileVersion(NamedTuple):
    """What is to be compressed: a file in one version."""

    site: str
    path: tuple[str, ...]
    version: str
    coding: Coding


class EncodedBodies:
    """A cache of at most `limit` bytes; what was unused for longest goes first."""

    def __init__(self, limit: int, background: BackgroundThreads) -> None:
        self._limit = limit
        self._background = background
        self._held: OrderedDict[FileVersion, bytes | None] = OrderedDict()
        self._size = 0
        self._waiting: dict[FileVersion, list[Deferred[bytes | None]]] = {}

    async def get(self, source: FileVersion, file: OpenFile, *, keep: bool) -> bytes | None:
        """Return the content of `source`, read from the open `file`, in its coding; `keep`: for later requests too.

        None where that is not smaller. Raises ShortFileError where the file is shorter than its size, and OriginError.
        """
        if source in self._held:
            self._held.move_to_end(source)
            return self._held[source]
        answer: Deferred[bytes | None] = Deferred()
        if source in self._waiting:
            self._waiting[source].append(answer)
        else:
            self._waiting[source] = [answer]
            # A duplicate, because the caller may close its own while others still wait.
            work = Deferred.fromCoroutine(self._encode(file.duplicate(), source.coding))
            work.addBoth(self._encoded, source, keep)
        return await answer

    async def _encode(self, file: OpenFile, coding: Coding) -> bytes | None:
        try:
            if file.fileno() is not None:
                content = await self._background.call(read_blocking, file, 0, file.size)
            else:
                content = await await_if_deferred(file.read(0, file.size))
        finally:
            file.close()
        if len(content) < file.size:
            raise ShortFileError
        body = await self._background.call(encode, coding, content)
        return body if len(body) < file.size else None

    def forget(self, site: str) -> None:
        """Keep nothing of `site` any more."""
        for source in [source for source in self._held if source.site == site]:
            self._size -= _cost(self._held.pop(source))

    def _encoded(self, result: bytes | Failure | None, source: FileVersion, keep: bool) -> None:
        if keep and not isinstance(result, Failure):
            self._keep(source, result)
        for answer in self._waiting.pop(source):
            if isinstance(result, Failure):
                answer.errback(result)
            else:
                answer.callback(result)

    def _keep(self, source: FileVersion, body: bytes | None) -> None:
        self._held[source] = body
        self._size += _cost(body)
        while self._size > self._limit:
            _, unused = self._held.popitem(last=False)
            self._size -= _cost(unused)


def _cost(body: bytes | None) -> int:
    return _OVERHEAD + len(body or b"")
