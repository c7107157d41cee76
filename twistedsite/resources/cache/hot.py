"""Hot responses: answers about files that lie ready in memory, whole where small, checked at each use against the disk.

The HTTP engine asks `HotResponses.lookup` before it makes a Request; `StaticFile` offers what it has just sent. An
answer is kept with the signatures of everything that it was made from: the file, the folders on the way to it, and
their `_folder.toml`. Nothing that depends on the visitor enters: no cookie, no field but Accept-Encoding.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

import attrs

from twistedsite.http.message.head import RequestHead
from twistedsite.http.message.response import FastResponse
from twistedsite.resources.cache.validity import Grounds
from twistedsite.resources.content.compression import preferred
from twistedsite.resources.content.conditional import known_by, parse_date
from twistedsite.settings.server import Coding

_LONG_WAY: Final = frozenset({b"range", b"if-match", b"if-unmodified-since", b"authorization"})
"""Fields of requests that are never answered from here."""

_OVERHEAD: Final = 4096
"""About what an entry costs beside its bytes."""

_MOST_RECENT: Final = 1024

_Key = tuple[str, bytes, tuple[Coding, ...]]


@attrs.frozen
class Answer:
    """The answer to a plain GET, and the one that tells that the client has it already."""

    ok: FastResponse | None
    """None: too long to be kept ready."""
    not_modified: FastResponse
    etag: bytes
    modified: int
    """Whole seconds since the epoch, as in Last-Modified."""


@attrs.define
class _Hot:
    """An answer and what it was made from; `checked` is the batch of requests for which that was last found true."""

    key: _Key
    answer: Answer
    grounds: Grounds
    size: int
    checked: int = 0


class _Recent(NamedTuple):
    """What a head gets; the engine hands in one head for all requests of the same bytes."""

    site: str
    head: RequestHead
    hot: _Hot
    response: FastResponse | None


class HotResponses:
    """A cache of at most `limit` bytes; what was unused for longest goes first.

    `codings` are those that the server may use; `now` gives the time in seconds since the epoch.
    """

    def __init__(self, limit: int, codings: tuple[Coding, ...], now: Callable[[], float]) -> None:
        self._limit = limit
        self._codings = codings
        self._now = now
        self._held: OrderedDict[_Key, _Hot] = OrderedDict()
        self._recent: dict[int, _Recent] = {}
        self._size = 0

    def lookup(self, site: str, head: RequestHead, batch: int = 0) -> FastResponse | None:
        """Return the answer to a GET or HEAD of `site` if it is here and still true, else None.

        `batch` may number the requests that had all been sent when the first of them is looked up: what one of them has
        found true is not checked again for the others. 0: this request stands for itself.
        """
        recent = self._recent.get(id(head))
        if recent is None or recent.head is not head or recent.site != site:
            recent = self._find(site, head)
            if recent is None:
                return None
        hot = recent.hot
        if not batch or hot.checked != batch:
            if not hot.grounds.hold(self._now):
                self._drop(hot.key)
                return None
            hot.checked = batch
            self._held.move_to_end(hot.key)
        return recent.response

    def _find(self, site: str, head: RequestHead) -> _Recent | None:
        fields = head.fields
        hot = self._held.get((site, head.path, preferred(fields.get(b"accept-encoding"), self._codings)))
        if hot is None or not _LONG_WAY.isdisjoint(fields):
            return None
        if len(self._recent) >= _MOST_RECENT:
            self._recent.clear()
        recent = self._recent[id(head)] = _Recent(site, head, hot, _choose(hot.answer, fields))
        return recent

    def has(self, site: str, url_path: bytes, accept_encoding: bytes | None, etag: bytes) -> bool:
        """Whether an answer with `etag` is here; `lookup` tells whether it is true."""
        hot = self._held.get((site, url_path, preferred(accept_encoding, self._codings)))
        return hot is not None and hot.answer.etag == etag

    def offer(
        self,
        site: str,
        url_path: bytes,
        accept_encoding: bytes | None,
        answer: Answer,
        *,
        root: str,
        path: tuple[str, ...],
        versions: Iterable[tuple[str, str]],
        asked: float,
    ) -> None:
        """Keep `answer` for the next requests of `url_path`, if what it was made from is plain and has come to rest.

        `path` is that of its file below the folder `root`. `versions` are the names and versions (`local_version`) of
        what it was made from in that file's folder. `asked` is the time before which settings may have been read, in
        seconds since the epoch.
        """
        # A URL that ends with a slash does not name its file: another one may become the folder's index.
        by_name = not url_path.endswith(b"/")
        grounds = Grounds.of(root, path, versions, by_name=by_name, asked=asked)
        if grounds is None:
            return
        ok = answer.ok
        size = (len(ok.head) + len(ok.body) if ok else 0) + len(answer.not_modified.head) + _OVERHEAD
        key = (site, url_path, preferred(accept_encoding, self._codings))
        self._drop(key)
        self._held[key] = _Hot(key, answer, grounds, size)
        self._size += size
        while self._size > self._limit:
            self._drop(next(iter(self._held)))

    def forget(self, site: str) -> None:
        """Keep nothing of `site` any more."""
        for key in [key for key in self._held if key[0] == site]:
            self._drop(key)

    def _drop(self, key: _Key) -> None:
        hot = self._held.pop(key, None)
        if hot is not None:
            self._size -= hot.size
            self._recent.clear()


def _choose(answer: Answer, fields: Mapping[bytes, bytes]) -> FastResponse | None:
    """The answer or that it is not modified (RFC 9110, 13.2.2, of which the other steps take the long way)."""
    if (known := fields.get(b"if-none-match")) is not None:
        return answer.not_modified if known_by(known, answer.etag) else answer.ok
    if (since := fields.get(b"if-modified-since")) is not None:
        date = parse_date(since)
        if date is not None and answer.modified <= date:
            return answer.not_modified
    return answer.ok
