"""Content comes out of its framing as it went in, however it was chunked and cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twistedsite.http.message import framing
from twistedsite.http.message.framing import ChunkedFraming, Framing, LengthFraming
from twistedsite.http.message.head import RequestError

AFTER = b"GET /next"
tokens = st.text("abcXYZ019-_~!#$", min_size=1, max_size=8)
quoted = st.text('ab ;=,\t\\"', max_size=8).map(lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')
extensions = st.lists(st.tuples(tokens, st.none() | tokens | quoted), max_size=2).map(
    lambda pairs: "".join(f";{name}" if value is None else f" ; {name}={value}" for name, value in pairs).encode()
)
chunks = st.lists(st.tuples(st.binary(min_size=1, max_size=40), extensions, st.booleans()), max_size=6)
trailers = st.lists(st.tuples(tokens, tokens), max_size=2)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


def feed(reader: Framing, pieces: list[bytes]) -> bytes:
    """Return what is left after the end of the message."""
    for number, piece in enumerate(pieces):
        rest = reader.feed(piece)
        if rest is not None:
            return rest + b"".join(pieces[number + 1 :])
    raise AssertionError("the message did not end")


@given(chunks, trailers, st.lists(st.integers(0, 1000), max_size=6))
def test_chunks(parts: list[tuple[bytes, bytes, bool]], fields: list[tuple[str, str]], places: list[int]) -> None:
    stream = b""
    for content, extension, capitals in parts:
        size = b"%X" if capitals else b"0%x"
        stream += size % len(content) + extension + b"\r\n" + content + b"\r\n"
    stream += b"0\r\n" + b"".join(f"{name}: {value}\r\n".encode() for name, value in fields) + b"\r\n"
    found: list[bytes] = []
    assert feed(ChunkedFraming(found.append), cut(stream + AFTER, places)) == AFTER
    assert b"".join(found) == b"".join(content for content, _, _ in parts)


@given(st.binary(max_size=100), st.lists(st.integers(0, 1000), max_size=6))
def test_length(content: bytes, places: list[int]) -> None:
    found: list[bytes] = []
    assert feed(LengthFraming(len(content), found.append), [*cut(content + AFTER, places), b""]) == AFTER
    assert b"".join(found) == content


def test_endless_extensions_and_trailers_are_not_kept() -> None:
    for beginning, piece, limit in (
        (b"", b"1;" + b"x" * 100 + b"\r\ny\r\n", framing.EXTENSIONS // 100 + 1),
        (b"0\r\n", b"X: " + b"y" * 100 + b"\r\n", framing.TRAILERS // 100 + 1),
        (b"", b"0", framing.CHUNK_LINE + 3),
    ):
        reader = ChunkedFraming(lambda _: None)
        reader.feed(beginning)
        with pytest.raises(RequestError):
            feed(reader, [piece] * limit)
