"""Files that are sent as they are: preconditions, ranges, and what is said of them."""

from __future__ import annotations

import secrets
from typing import ClassVar, Final

from twisted.web.http_headers import Headers
from twisted.web.server import Request

from twistedsite.http.connection.sendfile import ShortFileError
from twistedsite.http.message import media_types
from twistedsite.http.message.response import PreparedResponse, prepared_head
from twistedsite.http.request import EngineRequest
from twistedsite.origins.interface import Entry, GoneError, UnreadableError
from twistedsite.origins.lookups import Lookups
from twistedsite.resources.cache.answers import FileAnswer
from twistedsite.resources.content import conditional
from twistedsite.resources.content.compression import add_vary, preferred
from twistedsite.resources.content.privacy import make_private
from twistedsite.resources.content.ranges import (
    ByteRange,
    UnsatisfiableError,
    content_range,
    parse_ranges,
    part_headers,
)
from twistedsite.resources.content.sending import read_part, send_body, send_part
from twistedsite.resources.kinds.representation import Representation, select
from twistedsite.resources.site.base import SiteResource
from twistedsite.resources.site.context import SiteContext
from twistedsite.resources.site.error import HttpProblem
from twistedsite.settings.folder import FolderSettings

_NOT_IN_304: Final = (b"accept-ranges", b"content-encoding", b"content-type")


class StaticFile(SiteResource):
    """One file; its type comes from its name unless `media_type` says otherwise."""

    methods: ClassVar[tuple[bytes, ...]] = (b"GET", b"HEAD")

    def __init__(
        self,
        site: SiteContext,
        entry: Entry,
        folder: FolderSettings,
        lookups: Lookups,
        media_type: str | None = None,
    ) -> None:
        """`lookups` are those that have led to it."""
        super().__init__(site, entry, folder)
        self._lookups = lookups
        media_type = media_type or media_types.media_type_of(entry.name)
        self._content_type = media_types.content_type(media_type)
        encoded_by_author = any(name.lower() == "content-encoding" for name in folder.headers)
        encodable = media_types.is_compressible(media_type) and not encoded_by_author
        self._codings = site.settings.compression.codings if encodable else ()

    async def respond(self, request: Request) -> None:
        """Send the file, a part of it, or that the client has it already (RFC 9110, 13 to 15)."""
        field = _fields(request)
        ranged = request.method == b"GET" and field(b"range") is not None
        codings = () if ranged or not self._codings else preferred(field(b"accept-encoding"), self._codings)
        try:
            representation = await select(self.site, self.entry, codings, self._lookups)
        except UnreadableError:
            raise self.unreadable() from None
        except (GoneError, ShortFileError):
            raise HttpProblem(404) from None
        try:
            await self._answer(request, field, representation)
        finally:
            representation.close()

    async def _answer(self, request: Request, field: conditional.Field, chosen: Representation) -> None:
        status = conditional.evaluate(request.method, field, chosen.etag, chosen.modified)
        if status == 412:
            raise HttpProblem(412)
        parts = None if status else self._parts(request, field, chosen)
        headers = request.responseHeaders
        ours_alone = not (request.cookies or any(headers.getAllRawHeaders()))
        self._set_fields(headers, chosen)
        if status == 304:
            request.setResponseCode(304)
            for name in _NOT_IN_304:
                headers.removeHeader(name)
        elif parts is None:
            headers.setRawHeaders(b"content-length", [b"%d" % chosen.size])
            body = await self._send(request, chosen, ByteRange(0, chosen.size))
            if ours_alone and chosen.settled and request.method == b"GET":
                self._keep(request, field, chosen, body)
        elif len(parts) == 1:
            request.setResponseCode(206)
            headers.setRawHeaders(b"content-length", [b"%d" % parts[0].length])
            headers.setRawHeaders(b"content-range", [content_range(parts[0], chosen.size)])
            await self._send(request, chosen, parts[0])
        else:
            request.setResponseCode(206)
            await self._send_parts(request, chosen, parts)
        request.finish()

    def _parts(self, request: Request, field: conditional.Field, chosen: Representation) -> list[ByteRange] | None:
        """What the Range field asks for; None where there is none that counts."""
        value = field(b"range")
        if value is None or request.method != b"GET":
            return None
        if not conditional.range_applies(field, chosen.etag, chosen.modified, self.site.services.now()):
            return None
        try:
            return parse_ranges(value, chosen.size)
        except UnsatisfiableError:
            raise HttpProblem(416, headers={b"content-range": b"bytes */%d" % chosen.size}) from None

    def _set_fields(self, headers: Headers, chosen: Representation) -> None:
        """Say all that does not depend on the part that is sent."""
        headers.setRawHeaders(b"etag", [chosen.etag])
        headers.setRawHeaders(b"last-modified", [conditional.format_date(chosen.modified)])
        headers.setRawHeaders(b"cache-control", [b"no-cache"])
        headers.setRawHeaders(b"x-content-type-options", [b"nosniff"])
        headers.setRawHeaders(b"content-type", [self._content_type])
        if chosen.coding is not None:
            headers.setRawHeaders(b"content-encoding", [chosen.coding.encode()])
        else:
            headers.setRawHeaders(b"accept-ranges", [b"bytes"])
        for name, value in self.folder.headers.items():
            headers.setRawHeaders(name, [value])
        if self._codings:
            add_vary(headers)
        if self.folder.auth is not None:
            make_private(headers)

    async def _send(self, request: Request, chosen: Representation, part: ByteRange) -> bytes | None:
        """Send `part`; returns the bytes where they are few enough to be kept ready."""
        if request.method == b"HEAD":
            return None
        few = part.length <= self.site.settings.static.hot_file
        if chosen.body is None and not few:
            await send_part(request, chosen.file, part, self.site.services.background)
            return None
        body = await self._small(chosen, part) if chosen.body is None else chosen.body
        await send_body(request, body)
        return body if few else None

    async def _small(self, chosen: Representation, part: ByteRange) -> bytes:
        if not part.length:
            return b""
        try:
            return await read_part(chosen.file, part, self.site.services.background)
        except ShortFileError:
            # Nothing has been sent yet, and what was looked up is not there any more.
            raise HttpProblem(404) from None

    async def _send_parts(self, request: Request, chosen: Representation, parts: list[ByteRange]) -> None:
        boundary = secrets.token_hex(16).encode()
        frames = part_headers(parts, chosen.size, self._content_type, boundary)
        length = sum(map(len, frames)) + sum(part.length for part in parts)
        headers = request.responseHeaders
        headers.setRawHeaders(b"content-type", [b"multipart/byteranges; boundary=" + boundary])
        headers.setRawHeaders(b"content-length", [b"%d" % length])
        for frame, part in zip(frames, parts, strict=False):
            request.write(frame)
            await send_part(request, chosen.file, part, self.site.services.background)
        request.write(frames[-1])

    def _keep(self, request: Request, field: conditional.Field, chosen: Representation, body: bytes | None) -> None:
        """Let the next requests for the same get this answer, or a 304, without a Request."""
        site, services = self.site, self.site.services
        accepted = field(b"accept-encoding")
        if field(b"range") is not None:
            return  # It was not compressed, though the key of what is kept says that it may be.
        # Everybody gets what is kept, so nothing of a guarded folder is.
        if not isinstance(request, EngineRequest) or not request.asked_before or self.folder.auth is not None:
            return
        if services.answers.has_file(site, request.path, accepted, chosen.etag):
            return
        fields = list(request.responseHeaders.getAllRawHeaders())
        about = [(name, values) for name, values in fields if name.lower() not in (*_NOT_IN_304, b"content-length")]
        ok = None if body is None else PreparedResponse(prepared_head(200, b"OK", fields), body, 200)
        not_modified = PreparedResponse(prepared_head(304, b"Not Modified", about), b"", 304)
        answer = FileAnswer(ok, not_modified, chosen.etag, int(chosen.modified))
        services.answers.keep_file(site, request.path, accepted, answer, self._lookups.validity())


def _fields(request: Request) -> conditional.Field:
    if isinstance(request, EngineRequest):
        return request.head.fields.get

    def value(name: bytes) -> bytes | None:
        lines = request.requestHeaders.getRawHeaders(name)
        return b", ".join(lines) if lines else None

    return value
