"""Known absences: the 404 for a URL path at which there was nothing a moment ago, kept ready like a hot response.

Browsers and robots ask for the same missing files again and again. What was sent is kept by site, path and the form
that `Accept` asks for, with the signatures of all that was looked at: every folder on the way, its settings, the site's
own error pages, where such could stand. Nothing of the visitor enters; whoever sends credentials takes the long way.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs
from twisted.web.http import Request

from twistedsite.http.message.head import RequestHead
from twistedsite.http.message.response import FastResponse
from twistedsite.http.request import Request as EngineRequest
from twistedsite.origins.local import LocalOrigin
from twistedsite.pages.accept import Representation, error_form
from twistedsite.resources.cache.validity import Grounds
from twistedsite.resources.site.error import Keep, own_pages
from twistedsite.settings.folder import FolderSettings

if TYPE_CHECKING:
    from twistedsite.resources.site.base import SiteContext

LIMIT: Final = 2 * 1024 * 1024
"""Bytes that are kept; what was unused for longest goes first."""
_LONGEST: Final = 16 * 1024
"""Longest error page that is kept, in bytes."""
_OVERHEAD: Final = 2048
"""About what an entry costs beside its bytes."""
_LONGEST_ACCEPT: Final = 512

_Key = tuple[str, bytes, Representation]


@attrs.define
class _Absent:
    """An answer and what it was made from; `checked` is the batch of requests for which that was last found true."""

    response: FastResponse
    grounds: Grounds
    size: int
    checked: int = 0


class Absences:
    """The 404s of a server's sites. `now` gives the time in seconds since the epoch."""

    def __init__(self, now: Callable[[], float], limit: int = LIMIT) -> None:
        self._now = now
        self._limit = limit
        self._held: OrderedDict[_Key, _Absent] = OrderedDict()
        self._size = 0

    def lookup(self, site: str, head: RequestHead, batch: int = 0) -> FastResponse | None:
        """The 404 for a GET or HEAD of `site` if it is here and still true. `batch`: see `HotResponses.lookup`."""
        if not self._held:
            return None
        fields = head.fields
        accept = fields.get(b"accept", b"")
        if len(accept) > _LONGEST_ACCEPT or b"authorization" in fields:
            return None
        key = (site, head.path, _form(accept))
        absent = self._held.get(key)
        if absent is None:
            return None
        if not batch or absent.checked != batch:
            if not absent.grounds.hold(self._now):
                self._drop(key)
                return None
            absent.checked = batch
            self._held.move_to_end(key)
        return absent.response

    def offer(self, site: str, url_path: bytes, form: Representation, response: FastResponse, grounds: Grounds) -> None:
        """Keep `response` for the next requests of `url_path` that ask for `form`, as long as `grounds` hold."""
        if len(response.body) > _LONGEST:
            return
        key = (site, url_path, form)
        self._drop(key)
        size = len(url_path) + len(response.head) + len(response.body) + _OVERHEAD
        self._held[key] = _Absent(response, grounds, size)
        self._size += size
        while self._size > self._limit:
            self._drop(next(iter(self._held)))

    def forget(self, site: str) -> None:
        """Keep nothing of `site` any more."""
        for key in [key for key in self._held if key[0] == site]:
            self._drop(key)

    def _drop(self, key: _Key) -> None:
        absent = self._held.pop(key, None)
        if absent is not None:
            self._size -= absent.size


def keeper(
    site: SiteContext, request: Request, path: tuple[str, ...], folder: FolderSettings, asked: float
) -> Keep | None:
    """What keeps the 404 to `request`, which has led to `path`, where there is nothing, under the settings of `folder`.

    `asked` is the time, in seconds since the epoch, before which nothing had been looked up. None where nobody would
    ask for it, or where it is not for everybody.
    """
    if not isinstance(request, EngineRequest) or request.site.fast is None or request.method not in (b"GET", b"HEAD"):
        return None
    # The health page is there for some, and not for others.
    is_health = "/".join(("", *path)) == site.settings.health
    if request.prepath or is_health or request.getHeader(b"authorization") is not None:
        return None

    def keep(form: Representation, response: FastResponse) -> None:
        if isinstance(site.origin, LocalOrigin):
            grounds = Grounds.of_lookups(site.origin.root, [path, *own_pages(404, folder)], asked)
            if grounds is not None:
                site.delivery.absent.offer(site.name, request.path, form, response, grounds)

    return keep


@functools.lru_cache(256)
def _form(accept: bytes) -> Representation:
    return error_form(accept.decode("latin-1"))
