"""Answers that are ready before they are asked for: small files, 304s, 404s, and the scripts that URLs lead to.

The HTTP engine asks `ReadyAnswers.find` before it makes a Request. Resources keep here what they have just sent or
found. Nothing from a guarded folder enters, and nothing of a visitor: what is here is sent to everybody.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, TypeVar
from urllib.parse import unquote_to_bytes

import attrs
from twisted.web.server import Request

from twistedsite.http.connection.pending import PendingResponse
from twistedsite.http.message.head import RequestHead
from twistedsite.http.message.response import PreparedResponse
from twistedsite.origins.interface import Validity
from twistedsite.pages.accept import PageForm, error_form
from twistedsite.resources.cache.validated import CacheEntry, ValidatedCache
from twistedsite.resources.content.compression import preferred
from twistedsite.resources.content.conditional import known_by, parse_date
from twistedsite.settings.server import ServerSettings

NOT_FOUND_BYTES: Final = 4 * 1024 * 1024
SCRIPT_BYTES: Final = 32 * 1024 * 1024
"""Bytes for the 404s, and for the known scripts, of all sites."""
_LONGEST_PAGE: Final = 16 * 1024
"""Longest error page that is kept, in bytes."""
_LONGEST_ACCEPT: Final = 512
_SCRIPT_SIZE: Final = 6 * 1024
"""Bytes of a script's resource, about."""
_LOOKED_UP: Final = frozenset({b"range", b"if-match", b"if-unmodified-since"})
"""Fields of requests for files that are never answered from here."""


_MOST_HEADS: Final = 1024

V = TypeVar("V")

Answer: TypeAlias = PreparedResponse | Callable[[PendingResponse], None]


class KnownScript(Protocol):
    """A script, as the resource that answers for it."""

    def render(self, request: Request) -> int:
        """Answer `request`."""
        ...

    def answer_pending(self, pending: PendingResponse) -> None:
        """Answer a request for which there is no Request."""
        ...


@attrs.frozen
class FileAnswer:
    """The answer to a plain GET of a file, and the one to a client that has the file already."""

    ok: PreparedResponse | None
    """None: the file is too long to be kept ready."""
    not_modified: PreparedResponse
    etag: bytes
    modified: int
    """Whole seconds since the epoch, as in Last-Modified."""

    def select(self, fields: Mapping[bytes, bytes]) -> PreparedResponse | None:
        """Evaluate If-None-Match and If-Modified-Since (RFC 9110, 13.2.2, steps 3 and 4)."""
        if (known := fields.get(b"if-none-match")) is not None:
            return self.not_modified if known_by(known, self.etag) else self.ok
        if (since := fields.get(b"if-modified-since")) is not None:
            date = parse_date(since)
            if date is not None and self.modified <= date:
                return self.not_modified
        return self.ok


class _Choice(NamedTuple):
    """What one head gets. The engine parses equal heads once, and hands in one object for all of them."""

    site: Hashable
    head: RequestHead
    cache: ValidatedCache[Any]
    entry: CacheEntry[Any]
    answer: Answer


class ReadyAnswers:
    """The ready answers of all sites of a server; `settings` are the server's. A site is any hashable object."""

    def __init__(self, settings: ServerSettings) -> None:
        self._codings = settings.compression.codings
        self._health = settings.health.encode()
        self._scripts: ValidatedCache[KnownScript] = ValidatedCache(SCRIPT_BYTES)
        self._files: ValidatedCache[FileAnswer] = ValidatedCache(settings.static.hot_cache)
        self._not_found: ValidatedCache[PreparedResponse] = ValidatedCache(NOT_FOUND_BYTES)
        self._choices: dict[int, _Choice] = {}
        """By the identity of the head. It is emptied whenever a cache may have dropped an entry."""

    def find(self, site: Hashable, head: RequestHead, tick: int = 0) -> Answer | None:
        """Return the answer to a GET or HEAD of `site`, or who gives it, or None where the path must be looked up.

        `tick`: see `ValidatedCache.holds`.
        """
        choice = self._choices.get(id(head))
        if choice is not None and choice.head is head and choice.site is site:
            if choice.cache.holds(choice.entry, tick):
                return choice.answer
            self._choices.clear()
        choice = self._choose(site, head, tick)
        if choice is None:
            return None
        if len(self._choices) >= _MOST_HEADS:
            self._choices.clear()
        self._choices[id(head)] = choice
        return choice.answer

    def _choose(self, site: Hashable, head: RequestHead, tick: int) -> _Choice | None:
        path, fields = head.path, head.fields
        script = self._scripts.find((site, path), tick)
        if script is not None:
            return _Choice(site, head, self._scripts, script, script.value.answer_pending)
        if b"authorization" in fields:
            return None
        if _LOOKED_UP.isdisjoint(fields):
            file = self._files.find((site, path, preferred(fields.get(b"accept-encoding"), self._codings)), tick)
            if file is not None and (answer := file.value.select(fields)) is not None:
                return _Choice(site, head, self._files, file, answer)
        accept = fields.get(b"accept", b"")
        if len(accept) <= _LONGEST_ACCEPT:
            page = self._not_found.find((site, path, _form(accept)), tick)
            if page is not None:
                return _Choice(site, head, self._not_found, page, page.value)
        return None

    def script(self, site: Hashable, url_path: bytes) -> KnownScript | None:
        """Return the script that answers requests of any method for `url_path`, if it is known."""
        script = self._scripts.find((site, url_path))
        return None if script is None else script.value

    def has_file(self, site: Hashable, url_path: bytes, accept_encoding: bytes | None, etag: bytes) -> bool:
        """Return whether the answer with `etag` is here, be it valid or not."""
        file = self._files.get((site, url_path, preferred(accept_encoding, self._codings)))
        return file is not None and file.etag == etag

    def keep_script(self, site: Hashable, url_path: bytes, script: KnownScript, validity: Validity | None) -> None:
        """Let `script` answer the next requests for `url_path`. No validity, here and below: keep nothing."""
        self._keep(self._scripts, (site, url_path), script, validity, _SCRIPT_SIZE)

    def keep_file(
        self,
        site: Hashable,
        url_path: bytes,
        accept_encoding: bytes | None,
        answer: FileAnswer,
        validity: Validity | None,
    ) -> None:
        """Let the next requests for `url_path` that accept the same codings get `answer`."""
        size = len(answer.not_modified.head) + (len(answer.ok.head) + len(answer.ok.body) if answer.ok else 0)
        self._keep(self._files, (site, url_path, preferred(accept_encoding, self._codings)), answer, validity, size)

    def keep_not_found(
        self, site: Hashable, url_path: bytes, form: PageForm, response: PreparedResponse, validity: Validity | None
    ) -> None:
        """Let the next requests for `url_path` whose error page has the same form get `response`, a 404."""
        if len(response.body) <= _LONGEST_PAGE:
            size = len(response.head) + len(response.body)
            self._keep(self._not_found, (site, url_path, form), response, validity, size)

    def _keep(
        self,
        cache: ValidatedCache[V],
        key: tuple[Hashable, bytes, *tuple[object, ...]],
        value: V,
        validity: Validity | None,
        size: int,
    ) -> None:
        # Some clients get the health document at its path, and others do not.
        if validity is not None and unquote_to_bytes(key[1]).removesuffix(b"/") != self._health:
            self._choices.clear()
            cache.keep(key, value, validity, size)

    def forget(self, site: Hashable) -> None:
        """Drop all answers of `site`."""
        self._choices.clear()
        for cache in (self._scripts, self._files, self._not_found):
            cache.forget(site)


@functools.lru_cache(256)
def _form(accept: bytes) -> PageForm:
    return error_form(accept.decode("latin-1"))
