"""The check on arrival agrees with the parser however a body is cut, and neither costs more than one pass."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote_plus

import pytest
from form_bodies import LIMITS, MULTIPART, SMALL, URLENCODED, fields_of, multipart, part, refusal, refusal_on_arrival
from hypothesis import example, given
from hypothesis import strategies as st
from multipart import PushMultipartParser

from twistedsite.http.message import forms
from twistedsite.http.message.forms import body_check, close_all, parse_body


@given(st.lists(st.sampled_from([b"&", b"=", b"%41", b"a", b"bcd", b"+", b"\xff", b";"])), st.lists(st.integers(0)))
def test_the_urlencoded_check_agrees_with_the_parser_however_the_body_is_cut(
    pieces: list[bytes], cuts: list[int]
) -> None:
    body = b"".join(pieces)
    assert refusal_on_arrival(body, cuts, URLENCODED, SMALL) == refusal(body, URLENCODED, SMALL)


@given(st.lists(st.tuples(st.text(min_size=1), st.text())))
def test_what_a_browser_encodes_comes_back(pairs: list[tuple[str, str]]) -> None:
    body = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs).encode()
    assert fields_of(body, URLENCODED) == pairs


PIECES = [
    part(b"1"),
    part(b"", "b"),
    part(b"x" * 9, "c"),
    part(b"file" * 20, "f", "f.txt", b"Content-Type: text/plain"),
    part(b"x", "d", None, b"X: 1", b"Y: 1"),
    b"--XyZ--\r\n",
    b"--XyZ--",
    b"--XyZ\r\n",
    b"--XyZ",
    b"\r\n--XyZ",
    b"\r\n",
    b"\r",
    b"\n",
    b"\r\r\r",
    b"--",
    b"x",
    b"Content-Disposition: form-data; name=a\r\n\r\n",
    b" folded\r\n",
    b"\xff",
]


@st.composite
def damaged_bodies(draw: st.DrawFn) -> bytes:
    """Mostly well-formed bodies, some of them with a few bytes taken out or put in."""
    body = multipart(*draw(st.lists(st.sampled_from(PIECES[:5]), max_size=5)))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(body)))
        body = body[:start] + draw(st.sampled_from([b"", *PIECES[5:]])) + body[start + draw(st.integers(0, 3)) :]
    return body


BODIES = damaged_bodies() | st.lists(st.sampled_from(PIECES)).map(b"".join) | st.binary()


@given(BODIES, st.lists(st.integers(0)), st.sampled_from([16, 64, 1000]))
@example(b"\nContent-Disposition: form-data; name=a".join((b"--XyZ\r\n", b"\r\n\r\n1\r\n--XyZ--")), [7, 8, 9], 16)
@example(b"preamble\r\n" + multipart(part(b"1")), [8], 16)
def test_the_multipart_check_agrees_with_the_parser_however_the_body_is_cut(
    body: bytes, cuts: list[int], block: int
) -> None:
    with patch.object(forms, "BLOCK", block):
        assert refusal_on_arrival(body, cuts, MULTIPART, SMALL) == refusal(body, MULTIPART, SMALL)


contents = st.lists(st.sampled_from([b"\r", b"\n", b"-", b"--XyZ", b"\r\n--Xy", b"x", b"\x00", b"\xff"])).map(b"".join)


@given(st.lists(st.tuples(st.booleans(), contents.filter(lambda content: b"\r\n--XyZ" not in b"\r\n" + content))))
def test_what_is_not_the_boundary_is_content(parts: list[tuple[bool, bytes]]) -> None:
    sent = [part(content, "a", "f" if is_file else None) for is_file, content in parts]
    with patch.object(forms, "BLOCK", 16):
        fields, uploads = parse_body(io.BytesIO(multipart(*sent)), MULTIPART, LIMITS)
    assert [value for _, value in fields] == [
        content.decode("utf-8", "replace") for is_file, content in parts if not is_file
    ]
    assert [upload.value for upload in uploads] == [content for is_file, content in parts if is_file]
    close_all(uploads)


@pytest.mark.parametrize("content", [b"\r" * 300_000, b"\r\n--Xy" * 50_000, b"\n" * 300_000])
def test_tiny_pieces_and_near_boundaries_cost_no_more_than_one_pass(content: bytes) -> None:
    body = multipart(part(content, "f", "f"))
    seen = 0

    class Counted(PushMultipartParser):  # type: ignore[misc]  # the library has no types
        def parse(self, block: bytes) -> Any:
            nonlocal seen
            seen += len(self._buffer) + len(block)
            return super().parse(block)

    with patch.object(forms, "PushMultipartParser", Counted):
        assert refusal_on_arrival(body, list(range(len(body)))) is None
    assert seen < 1.1 * len(body) + forms.BLOCK


def test_a_large_upload_stays_out_of_memory(tmp_path: Path) -> None:
    path = tmp_path / "body"
    with path.open("wb") as file:
        file.write(part(b"", "f", "big.bin")[:-2])
        for _ in range(50):
            file.write(b"0123456789abcdef" * 65_536)
        file.write(b"\r\n--XyZ--\r\n")
    check = body_check(MULTIPART, LIMITS)
    assert check is not None
    tracemalloc.start()
    try:
        with path.open("rb") as body:
            while piece := body.read(65_536):
                check.feed(piece)
            check.finish()
            _, (upload,) = parse_body(body, MULTIPART, LIMITS)
            upload.save(tmp_path / "copy")
        assert tracemalloc.get_traced_memory()[1] < 2 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert upload.size == (tmp_path / "copy").stat().st_size == 50 * 1024 * 1024
    upload.close()
