"""Files that are sent as they are: validators, preconditions, ranges, and the choice of what to send."""

from __future__ import annotations

import secrets
from typing import ClassVar, Final

from twisted.internet.defer import Deferred
from twisted.web.http import Request

from twistedsite.origins.interface import Entry, GoneError, OpenFile
from twistedsite.resources import conditional, media_types
from twistedsite.resources.base import SiteContext, SiteResource
from twistedsite.resources.error import HttpProblem
from twistedsite.resources.ranges import ByteRange, UnsatisfiableError, content_range, parse_ranges, part_headers
from twistedsite.resources.sending import ShrunkError, read_part, send_part
from twistedsite.settings.folder import FolderSettings

SMALL: Final = 64 * 1024
"""Bodies up to this many bytes are read and written in one piece."""

_FRAMING: Final = frozenset(
    {"connection", "content-encoding", "content-length", "content-range", "date", "transfer-encoding"}
)
"""Fields that only the server can know; a folder's `headers` do not touch them."""


class StaticFile(SiteResource):
    """One file; its type comes from its name unless `media_type` says otherwise."""

    methods: ClassVar[tuple[bytes, ...]] = (b"GET", b"HEAD")

    def __init__(self, site: SiteContext, entry: Entry, folder: FolderSettings, media_type: str | None = None) -> None:
        super().__init__(site, entry, folder)
        self._content_type = media_types.content_type(media_type or media_types.media_type_of(entry.name))

    async def respond(self, request: Request) -> None:
        """Send the file, a part of it, or that the client has it already (RFC 9110, 13 to 15)."""
        file = await self._open()
        try:
            await self._send(request, file)
        finally:
            file.close()

    async def _open(self) -> OpenFile:
        try:
            file: OpenFile | Deferred[OpenFile] = self.site.origin.open(self.entry)
            return await file if isinstance(file, Deferred) else file
        except GoneError:
            raise HttpProblem(404) from None

    async def _send(self, request: Request, file: OpenFile) -> None:
        field = _fields(request)
        now = self.site.delivery.now()
        etag = conditional.make_etag(file.version)
        modified = min(file.mtime, now)
        status = conditional.evaluate(request.method, field, etag, modified)
        if status == 412:
            raise HttpProblem(412)
        parts = None
        if status is None and conditional.range_applies(field, etag, modified, now):
            parts = self._parts(request, field, file.size)

        headers = request.responseHeaders
        headers.setRawHeaders(b"etag", [etag])
        headers.setRawHeaders(b"last-modified", [conditional.format_date(modified)])
        headers.setRawHeaders(b"cache-control", [b"no-cache"])
        headers.setRawHeaders(b"x-content-type-options", [b"nosniff"])
        headers.setRawHeaders(b"accept-ranges", [b"bytes"])
        headers.setRawHeaders(b"content-type", [self._content_type])
        self._add_folder_headers(request)
        if status == 304:
            request.setResponseCode(304)
            headers.removeHeader(b"content-type")
            headers.removeHeader(b"accept-ranges")
        elif parts is None:
            headers.setRawHeaders(b"content-length", [b"%d" % file.size])
            await self._send_body(request, file, ByteRange(0, file.size))
        elif len(parts) == 1:
            request.setResponseCode(206)
            headers.setRawHeaders(b"content-length", [b"%d" % parts[0].length])
            headers.setRawHeaders(b"content-range", [content_range(parts[0], file.size)])
            await self._send_body(request, file, parts[0])
        else:
            request.setResponseCode(206)
            await self._send_parts(request, file, parts)
        request.finish()

    def _parts(self, request: Request, field: conditional.Field, size: int) -> list[ByteRange] | None:
        value = field(b"range")
        if value is None or request.method != b"GET":
            return None
        try:
            return parse_ranges(value, size)
        except UnsatisfiableError:
            raise HttpProblem(416, headers={b"content-range": b"bytes */%d" % size}) from None

    def _add_folder_headers(self, request: Request) -> None:
        for name, value in self.folder.headers.items():
            if name.lower() not in _FRAMING:
                request.setHeader(name.encode("latin-1"), value.encode("utf-8"))

    async def _send_body(self, request: Request, file: OpenFile, part: ByteRange) -> None:
        if request.method == b"HEAD":
            return
        if part.length > SMALL:
            await send_part(request, file.fileno(), part, self.site.delivery.background)
        elif part.length:
            request.write(await self._small(file, part))

    async def _small(self, file: OpenFile, part: ByteRange) -> bytes:
        try:
            return await read_part(file.fileno(), part, self.site.delivery.background)
        except (ShrunkError, OSError):
            # Nothing has been sent yet, and what was looked up is not there any more.
            raise HttpProblem(404) from None

    async def _send_parts(self, request: Request, file: OpenFile, parts: list[ByteRange]) -> None:
        boundary = secrets.token_hex(16).encode()
        frames = part_headers(parts, file.size, self._content_type, boundary)
        length = sum(map(len, frames)) + sum(part.length for part in parts)
        request.setHeader(b"content-type", b"multipart/byteranges; boundary=" + boundary)
        request.setHeader(b"content-length", b"%d" % length)
        for frame, part in zip(frames, parts, strict=False):
            request.write(frame)
            await send_part(request, file.fileno(), part, self.site.delivery.background)
        request.write(frames[-1])


def _fields(request: Request) -> conditional.Field:
    def value(name: bytes) -> bytes | None:
        lines = request.requestHeaders.getRawHeaders(name)
        return b", ".join(lines) if lines else None

    return value
