"""What scripts print is compressed on its way, piece by piece where they flush."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import brotli
import pytest
import pytest_twisted
import zstandard

from twistedsite.testing import ServedSite, serving

LONG = "print('line of text ' * 200)"
DECODERS = {
    "br": brotli.decompress,
    "gzip": gzip.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


async def fetch(site: ServedSite, accepted: str, method: str = "GET") -> tuple[dict[str, str], bytes]:
    """Header fields and content of `/page.py` as they come on the wire: treq would undo some codings."""
    answer = await site.raw(
        f"{method} /page.py HTTP/1.1\r\nHost: h\r\nAccept-Encoding: {accepted}\r\nConnection: close\r\n\r\n".encode()
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    fields = (line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    return {name.lower(): value for name, value in fields}, body


@pytest.mark.parametrize("coding", list(DECODERS))
@pytest_twisted.ensureDeferred
async def test_a_long_page_is_compressed_as_the_client_likes(tmp_path: Path, coding: str) -> None:
    (tmp_path / "page.py").write_text(LONG)
    async with serving(tmp_path) as site:
        fields, body = await fetch(site, coding)
        head, nothing = await fetch(site, coding, "HEAD")
    assert fields["content-encoding"] == coding
    assert fields["vary"] == "Accept-Encoding"
    assert int(fields["content-length"]) == len(body) < 500
    assert DECODERS[coding](body) == b"line of text " * 200 + b"\n"
    assert head["content-length"] == fields["content-length"]
    assert nothing == b""


@pytest_twisted.ensureDeferred
async def test_a_page_larger_than_is_compressed_at_once_is_compressed_in_a_thread(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text("print('line of text ' * 10_000)")
    async with serving(tmp_path) as site:
        _, body = await fetch(site, "gzip")
    assert gzip.decompress(body) == b"line of text " * 10_000 + b"\n"


@pytest.mark.parametrize(
    ("source", "accepted"),
    [
        (LONG, "identity"),
        ("print('short')", "gzip"),
        (f"resp_headers['Content-Type'] = 'image/png'\n{LONG}", "gzip"),
        (f"resp_headers['Cache-Control'] = 'no-transform'\n{LONG}", "gzip"),
    ],
    ids=["the client wants none", "short", "an image", "no-transform"],
)
@pytest_twisted.ensureDeferred
async def test_it_is_sent_as_it_is(tmp_path: Path, source: str, accepted: str) -> None:
    (tmp_path / "page.py").write_text(source)
    async with serving(tmp_path) as site:
        fields, body = await fetch(site, accepted)
    assert "content-encoding" not in fields
    assert body[:5] in (b"line ", b"short")


@pytest_twisted.ensureDeferred
async def test_what_a_script_flushes_can_be_decoded_before_it_goes_on(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    (tmp_path / "page.py").write_text(
        f"import os, time\nprint('first', flush=True)\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.005)\n"
        "print('x' * 40_000, flush=True)\nprint('last', end='')"
    )
    async with serving(tmp_path) as site:
        connection = await site.connect()
        connection.send(b"GET /page.py HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n")
        received = await connection.until(b"\r\n\r\n")
        head, _, _ = received.partition(b"\r\n\r\n")
        assert b"content-encoding: gzip" in head.lower()
        # Ten bytes of gzip's head, and a flush's end: the first line is whole by then.
        first = await connection.until(b"\x00\x00\xff\xff")
        assert zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(first[len(head) + 4 :]) == b"first\n"
        gate.touch()
        body = (await connection.everything())[len(head) + 4 :]
    assert gzip.decompress(body) == b"first\n" + b"x" * 40_000 + b"\nlast"
