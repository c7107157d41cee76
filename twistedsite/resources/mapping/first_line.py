"""What a file's first line says of how it is served, whatever its name: `#DBPYEXECUTE` and `#NOEXECUTE`, of Drapache.

A few bytes are read, once for each version of a file, and never of what its name has already decided. A file that is
answered from the cache is not even looked up.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from typing import Final

from twistedsite.http.connection.sendfile import ShortFileError
from twistedsite.origins.interface import Entry, GoneError, Origin, await_if_deferred
from twistedsite.resources.content.background import BackgroundThreads
from twistedsite.resources.content.ranges import ByteRange
from twistedsite.resources.content.sending import read_part

_LIMIT: Final = 8192
"""Files whose directive is known; the one unused for longest goes first."""
_BOM: Final = b"\xef\xbb\xbf"


class Directive(enum.Enum):
    """A first line that decides."""

    EXECUTE = b"#DBPYEXECUTE"
    """Of any file that its name makes neither script nor template: it is a script."""
    NOEXECUTE = b"#NOEXECUTE"
    """Of a `.dbpy` file: it is text."""

    def begins(self, head: bytes) -> bool:
        """Whether a file whose first `LENGTH` bytes, or all of them, are `head` begins with this directive."""
        return head.removeprefix(_BOM).startswith(self.value)


LENGTH: Final = len(_BOM) + max(len(directive.value) for directive in Directive)
"""Bytes that have to be read."""


class FirstLines:
    """The directives in the first lines of one site's files."""

    def __init__(self, origin: Origin, background: BackgroundThreads) -> None:
        self._origin = origin
        self._background = background
        self._known: OrderedDict[tuple[Directive, tuple[str, ...]], tuple[str, Directive | None]] = OrderedDict()

    async def directive_of(self, entry: Entry, possible: Directive | None) -> Directive | None:
        """`possible`, where the file `entry` begins with it; else None. Raises OriginError."""
        if possible is None:
            return None
        key = (possible, entry.path)
        known = self._known.get(key)
        if known is not None and known[0] == entry.version:
            self._known.move_to_end(key)
            return known[1]
        try:
            file = await await_if_deferred(self._origin.open(entry))
        except GoneError:
            return None
        try:
            head = await read_part(file, ByteRange(0, min(file.size, LENGTH)), self._background)
        except ShortFileError:
            return None
        finally:
            file.close()
        found = possible if possible.begins(head) else None
        if file.settled and file.version == entry.version:
            self._known[key] = (entry.version, found)
            while len(self._known) > _LIMIT:
                self._known.popitem(last=False)
        return found
