"""Content codings: which one a client wants, and how bodies get it (RFC 9110, 8.4 and 12.5.3).

Static files use `preferred` and `encode`; what scripts write goes through `choose_coding`, `encode` where it is all
there, and `StreamEncoder` where it is still to come.
"""

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Callable
from typing import Final

import brotli
import zstandard
from twisted.web.http_headers import Headers

from twistedsite.http.message.media_types import is_compressible
from twistedsite.settings.server import Coding, CompressionSettings

CODINGS: Final[tuple[Coding, ...]] = ("br", "zstd", "gzip")
"""What the server can encode, the one it likes best first."""

SUFFIXES: Final[dict[Coding, str]] = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
"""Ending of the file, beside a file, that holds its encoded content."""

AT_ONCE: Final = 16 * 1024
"""Bodies up to this many bytes take less than a millisecond to encode; larger ones are encoded in a thread."""

_NOT_ENCODED: Final = frozenset({204, 205, 206, 304})
_BROTLI_QUALITY: Final = 5
_ZSTD_LEVEL: Final = 6
_WINDOW_BITS: Final = 18
_GZIP_LEVEL: Final = 6
_GZIP_FORMAT: Final = 31
"""zlib's way to say: window of 32 KiB, gzip header and trailer."""

_LONGEST_FIELD: Final = 512
_ELEMENT: Final = re.compile(
    rb"[ \t]*([\w!#$%&'*+.^`|~-]+)[ \t]*(?:;[ \t]*[qQ]=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)[ \t]*)?"
)


def preferred(accept_encoding: bytes | None, codings: tuple[Coding, ...] = CODINGS) -> tuple[Coding, ...]:
    """Return those of `codings` that a client likes at least as much as none, the best first.

    A field that is absent, empty, malformed or absurdly long asks for none.
    """
    if not accept_encoding or len(accept_encoding) > _LONGEST_FIELD:
        return ()
    return _judged(accept_encoding, codings)


def negotiate(accept_encoding: bytes | None, codings: tuple[Coding, ...] = CODINGS) -> Coding | None:
    """Return the coding to use for a client that sent `accept_encoding`; None: send the body as it is."""
    return next(iter(preferred(accept_encoding, codings)), None)


@functools.lru_cache(256)
def _judged(accept_encoding: bytes, codings: tuple[Coding, ...]) -> tuple[Coding, ...]:
    weights: dict[bytes, float] = {}
    for element in accept_encoding.split(b","):
        if not element.strip(b" \t"):
            continue
        match = _ELEMENT.fullmatch(element)
        if not match:
            return ()
        name = match[1].lower()
        weights[b"gzip" if name == b"x-gzip" else name] = float(match[2] or 1)
    # `*` stands for every coding that is not named; no coding at all is always acceptable, but not asked for by it.
    others = weights.get(b"*", 0.0)
    unencoded = weights.get(b"identity", 0.0)
    weighted = [(weights.get(coding.encode(), others), coding) for coding in codings]
    wanted = [(weight, coding) for weight, coding in weighted if weight > 0 and weight >= unencoded]
    return tuple(coding for _, coding in sorted(wanted, key=lambda pair: -pair[0]))


def choose_coding(
    status: int, headers: Headers, accept_encoding: bytes | None, settings: CompressionSettings, length: int | None
) -> Coding | None:
    """Return the coding for a response that is about to be made, and say so in its `headers`.

    `length` is that of the body in bytes, None where it is still to come. `headers` hold all other fields already: they
    get Vary and Content-Encoding, lose Content-Length, and a strong ETag becomes weak (RFC 9110, 8.8.3.3 and 12.5.5).
    None: the body is sent as it is.
    """
    media_type = (headers.getRawHeaders(b"content-type") or [b""])[-1].decode("latin-1")
    caching = b",".join(headers.getRawHeaders(b"cache-control") or []).lower()
    if status in _NOT_ENCODED or not settings.codings or not is_compressible(media_type):
        return None
    if headers.hasHeader(b"content-encoding") or b"no-transform" in caching:
        return None
    add_vary(headers)
    coding = negotiate(accept_encoding, settings.codings)
    if coding is None or (length is not None and length < settings.smallest):
        return None
    headers.setRawHeaders(b"content-encoding", [coding.encode()])
    headers.removeHeader(b"content-length")
    if etag := headers.getRawHeaders(b"etag"):
        headers.setRawHeaders(b"etag", [etag[-1] if etag[-1].startswith(b"W/") else b"W/" + etag[-1]])
    return coding


def add_vary(headers: Headers) -> None:
    """Tell caches that the response depends on Accept-Encoding."""
    vary = headers.getRawHeaders(b"vary", [])
    headers.setRawHeaders(b"vary", [b", ".join([*vary, b"Accept-Encoding"])])


class StreamEncoder:
    """Encodes a body that comes piece by piece; calls for pieces over `AT_ONCE` bytes belong in a thread.

    Its window is 256 KiB at most, so that many streams at once stay affordable.
    """

    def __init__(self, coding: Coding) -> None:
        self._encode, self._flush, self._finish = _STREAMS[coding]()

    def encode(self, data: bytes) -> bytes:
        """Take `data`; returns what is ready to be sent, which may be nothing."""
        return self._encode(data)

    def flush(self) -> bytes:
        """Return all that is still held back, so that the client can decode everything given so far."""
        return self._flush()

    def finish(self) -> bytes:
        """Return the end of the stream; nothing may follow."""
        return self._finish()


def encode(coding: Coding, data: bytes) -> bytes:
    """Return the whole body `data` in `coding`; call it in a thread where `data` is over `AT_ONCE` bytes."""
    if coding == "br":
        return bytes(brotli.compress(data, quality=_BROTLI_QUALITY))
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(data)
    return zlib.compress(data, _GZIP_LEVEL, _GZIP_FORMAT)


_Stream = tuple[Callable[[bytes], bytes], Callable[[], bytes], Callable[[], bytes]]


def _brotli_stream() -> _Stream:
    stream = brotli.Compressor(quality=_BROTLI_QUALITY, lgwin=_WINDOW_BITS)
    return stream.process, stream.flush, stream.finish


def _zstd_stream() -> _Stream:
    parameters = zstandard.ZstdCompressionParameters.from_level(_ZSTD_LEVEL, window_log=_WINDOW_BITS)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return stream.compress, functools.partial(stream.flush, zstandard.COMPRESSOBJ_FLUSH_BLOCK), stream.flush


def _gzip_stream() -> _Stream:
    stream = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORMAT)
    return stream.compress, functools.partial(stream.flush, zlib.Z_SYNC_FLUSH), stream.flush


_STREAMS: Final[dict[Coding, Callable[[], _Stream]]] = {
    "br": _brotli_stream,
    "zstd": _zstd_stream,
    "gzip": _gzip_stream,
}
