"""Scripts whose place is known: what a URL has led to, kept with the signatures of everything that made it so.

Most requests of a busy site go to a few scripts. The look-ups on the way to one (settings of every folder, the file,
other files that could stand at this URL) are then replaced by an `lstat` of each folder and file, as for hot responses.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import attrs

from twistedsite.resources.cache.validity import Grounds
from twistedsite.resources.kinds.script import ScriptResource

_LIMIT: Final = 4096
"""Scripts that are kept; the one that came first goes first."""


@attrs.define
class _Ready:
    """A script, what led to it, and the batch of requests for which that was last found true."""

    script: ScriptResource
    grounds: Grounds
    checked: int = 0


class ReadyScripts:
    """The known scripts of one site on the local disk, by URL path. `now` gives seconds since the epoch."""

    def __init__(self, root: str, now: Callable[[], float]) -> None:
        self._root = root
        self._now = now
        self._held: OrderedDict[bytes, _Ready] = OrderedDict()

    def lookup(self, url_path: bytes, batch: int = 0) -> ScriptResource | None:
        """The script that answers `url_path`, if it is here and still the one. `batch`: see `HotResponses.lookup`."""
        ready = self._held.get(url_path)
        if ready is None:
            return None
        if not batch or ready.checked != batch:
            if not ready.grounds.hold(self._now):
                del self._held[url_path]
                return None
            ready.checked = batch
        return ready.script

    def offer(self, url_path: bytes, script: ScriptResource, asked: float, behind: int = 0) -> None:
        """Keep `script` for the next requests of `url_path`, if what led to it has come to rest.

        `asked` is the time, in seconds since the epoch, at which the look-ups began. A script that somebody has to be
        let in for is not kept: who asks for a known one is not asked for a password. `behind` of the path's segments
        come after the script's own: its PATH_INFO.
        """
        if script.folder.auth is not None:
            return
        entry = script.entry
        named = url_path.rsplit(b"/", behind)[0] if behind else url_path
        by_name = named.endswith(entry.name.encode())
        grounds = Grounds.of(self._root, entry.path, [(entry.name, entry.version)], by_name=by_name, asked=asked)
        if grounds is not None:
            self._held[url_path] = _Ready(script, grounds)
            while len(self._held) > _LIMIT:
                self._held.popitem(last=False)
