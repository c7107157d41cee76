from __future__ import annotations

import gzip
import random
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from twisted.web.http_headers import Headers

from twistedsite.resources.content.compression import (
    CODINGS,
    StreamEncoder,
    choose_coding,
    encode,
    negotiate,
    preferred,
)
from twistedsite.settings.server import Coding, CompressionSettings


def decode(coding: Coding, data: bytes) -> bytes:
    if coding == "br":
        return brotli.decompress(data)
    if coding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return gzip.decompress(data)


def decode_start(coding: Coding, data: bytes) -> bytes:
    """What a client can show after it has received `data`."""
    if coding == "br":
        return brotli.Decompressor().process(data)
    if coding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return zlib.decompressobj(31).decompress(data)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (None, ()),
        (b"", ()),
        (b"gzip, deflate, br, zstd", ("br", "zstd", "gzip")),
        (b"gzip", ("gzip",)),
        (b"GZIP", ("gzip",)),
        (b"x-gzip", ("gzip",)),
        (b"gzip;q=1.0", ("gzip",)),
        (b"gzip ; q=0.5 , br; q=0.1", ("gzip", "br")),
        (b"gzip;q=0", ()),
        (b"gzip;q=0.000, br", ("br",)),
        (b"*", ("br", "zstd", "gzip")),
        (b"*;q=0.1, gzip", ("gzip", "br", "zstd")),
        (b"*, br;q=0", ("zstd", "gzip")),
        (b"*;q=0", ()),
        (b"identity", ()),
        (b"identity, gzip", ("gzip",)),
        (b"identity;q=0.9, gzip;q=0.5", ()),
        (b"identity;q=0, gzip;q=0.1", ("gzip",)),
        (b"deflate, compress", ()),
        (b"gzip,,br,", ("br", "gzip")),
        (b"gzip;q=2", ()),
        (b"gzip;q=nan", ()),
        (b"gzip;q=.5", ()),
        (b"gzip br", ()),
        (b"gzip;level=9", ()),
        (b"gzip\xff", ()),
        (b"gzip" + b"," * 10_000, ()),
    ],
)
def test_a_client_gets_the_coding_that_it_likes_best(field: bytes | None, expected: tuple[Coding, ...]) -> None:
    assert preferred(field) == expected
    assert negotiate(field) == (expected[0] if expected else None)


def test_codings_can_be_taken_out_and_ordered_by_the_settings() -> None:
    assert preferred(b"gzip, br, zstd", ("gzip", "br")) == ("gzip", "br")
    assert negotiate(b"gzip, br, zstd", ()) is None


@given(st.binary(max_size=80))
def test_no_field_breaks_the_choice(field: bytes) -> None:
    assert set(preferred(field)) <= set(CODINGS)


@given(st.sampled_from(CODINGS), st.binary(max_size=5000))
def test_what_is_encoded_can_be_decoded(coding: Coding, data: bytes) -> None:
    assert decode(coding, encode(coding, data)) == data


@given(st.sampled_from(CODINGS), st.lists(st.binary(max_size=500) | st.none(), max_size=12))
def test_a_stream_can_be_decoded_however_it_was_cut_and_flushed(coding: Coding, pieces: list[bytes | None]) -> None:
    encoder = StreamEncoder(coding)
    encoded = b"".join(encoder.flush() if piece is None else encoder.encode(piece) for piece in pieces)
    encoded += encoder.finish()
    assert decode(coding, encoded) == b"".join(piece for piece in pieces if piece is not None)


@pytest.mark.parametrize("coding", CODINGS)
def test_what_was_flushed_can_be_shown_at_once(coding: Coding) -> None:
    encoder = StreamEncoder(coding)
    sent = encoder.encode(b"first line\n") + encoder.flush()
    assert decode_start(coding, sent) == b"first line\n"
    sent += encoder.encode(b"second line\n") + encoder.flush()
    assert decode_start(coding, sent) == b"first line\nsecond line\n"


@pytest.mark.parametrize("coding", CODINGS)
def test_a_long_stream_is_made_smaller(coding: Coding) -> None:
    words = random.Random(1).choices(["alpha", "beta", "gamma", "delta"], k=200_000)
    text = " ".join(words).encode()
    encoder = StreamEncoder(coding)
    encoded = b"".join(encoder.encode(text[at : at + 5000]) for at in range(0, len(text), 5000)) + encoder.finish()
    assert decode(coding, encoded) == text
    assert len(encoded) < len(text) / 3


def made_of(**fields: bytes) -> Headers:
    given = {"content_type": b"text/html; charset=utf-8", **fields}
    return Headers({name.replace("_", "-").encode(): [value] for name, value in given.items()})


def chosen(headers: Headers, status: int = 200, length: int | None = 5000) -> Coding | None:
    return choose_coding(status, headers, b"gzip", CompressionSettings(), length)


def test_a_response_says_how_it_is_encoded_and_on_what_that_depended() -> None:
    headers = made_of(content_length=b"5000", etag=b'"x"', vary=b"Cookie")
    assert chosen(headers) == "gzip"
    assert headers.getRawHeaders(b"content-encoding") == [b"gzip"]
    assert headers.getRawHeaders(b"vary") == [b"Cookie, Accept-Encoding"]
    assert headers.getRawHeaders(b"etag") == [b'W/"x"']
    assert not headers.hasHeader(b"content-length")


def test_a_response_still_to_come_is_encoded_whatever_its_length() -> None:
    assert chosen(made_of(), length=None) == "gzip"


def test_a_short_response_is_left_alone_but_may_differ_when_longer() -> None:
    headers = made_of(content_length=b"9", etag=b'"x"')
    assert chosen(headers, length=9) is None
    assert headers.getRawHeaders(b"vary") == [b"Accept-Encoding"]
    assert headers.getRawHeaders(b"etag") == [b'"x"']
    assert headers.hasHeader(b"content-length")


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (206, {}),
        (304, {}),
        (204, {}),
        (200, {"content_type": b"image/png"}),
        (200, {"content_encoding": b"br"}),
        (200, {"cache_control": b"private, no-transform"}),
    ],
)
def test_some_responses_are_never_encoded(status: int, fields: dict[str, bytes]) -> None:
    headers = made_of(**fields)
    assert chosen(headers, status) is None
    assert not headers.hasHeader(b"vary")


def test_nothing_is_encoded_where_the_settings_say_so() -> None:
    headers = made_of()
    assert choose_coding(200, headers, b"gzip", CompressionSettings(codings=()), 5000) is None
    assert not headers.hasHeader(b"vary")
