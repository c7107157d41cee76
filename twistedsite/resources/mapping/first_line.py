"""What a file's first line says of how it is served, whatever its name: `#DBPYEXECUTE` and `#NOEXECUTE`, of Drapache.

A few bytes are read, once for each version of a file, and never of what its name has already decided. A file that lies
ready as a hot answer is not even looked up.
"""

from __future__ import annotations

import enum
import os
from collections import OrderedDict
from typing import Final

from twistedsite.origins.interface import Entry, GoneError, Origin, arrived
from twistedsite.scripts.code.cache import is_settled

_LIMIT: Final = 8192
"""Files whose mark is known; the one unused for longest goes first."""
_BOM: Final = b"\xef\xbb\xbf"


class Mark(enum.Enum):
    """A first line that decides."""

    EXECUTE = b"#DBPYEXECUTE"
    """Of any file that its name makes neither script nor template: it is a script."""
    NOEXECUTE = b"#NOEXECUTE"
    """Of a `.dbpy` file: it is text."""

    def is_of(self, head: bytes) -> bool:
        """Whether a file that begins with `head`, of `MARK_LENGTH` bytes or all of it, has this mark."""
        return head.removeprefix(_BOM).startswith(self.value)


MARK_LENGTH: Final = len(_BOM) + max(len(mark.value) for mark in Mark)


class Marks:
    """The marks of one site's files."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._known: OrderedDict[tuple[Mark, tuple[str, ...]], tuple[str, Mark | None]] = OrderedDict()

    async def of(self, entry: Entry, possible: Mark | None) -> Mark | None:
        """`possible`, where it is the mark of the file `entry` as that was when it was looked up; else None."""
        if possible is None:
            return None
        key = (possible, entry.path)
        known = self._known.get(key)
        if known is not None and known[0] == entry.version:
            self._known.move_to_end(key)
            return known[1]
        try:
            file = await arrived(self._origin.open(entry))
        except GoneError:
            return None
        try:
            head = os.pread(file.fileno(), MARK_LENGTH, 0)
            settled = is_settled(os.fstat(file.fileno()))
        except OSError:
            return None
        finally:
            file.close()
        mark = possible if possible.is_of(head) else None
        if settled and file.version == entry.version:
            self._known[key] = (entry.version, mark)
            while len(self._known) > _LIMIT:
                self._known.popitem(last=False)
        return mark
