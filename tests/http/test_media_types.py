from __future__ import annotations

import mimetypes
import subprocess
import sys

import pytest

from twistedsite.http.message.media_types import content_type, is_compressible, media_type_of


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("index.html", b"text/html; charset=utf-8"),
        ("STYLE.CSS", b"text/css; charset=utf-8"),
        ("app.js", b"text/javascript; charset=utf-8"),
        ("app.mjs", b"text/javascript; charset=utf-8"),
        ("data.json", b"application/json"),
        ("drawing.svg", b"image/svg+xml"),
        ("photo.jpeg", b"image/jpeg"),
        ("font.woff2", b"font/woff2"),
        ("module.wasm", b"application/wasm"),
        ("old.py", b"text/plain; charset=utf-8"),
        ("old.dbpy", b"text/plain; charset=utf-8"),
        ("program.c", b"text/plain; charset=utf-8"),
        ("page.php", b"text/plain; charset=utf-8"),
        ("backup.tar.gz", b"application/gzip"),
        ("README", b"text/plain; charset=utf-8"),
        ("unknown", b"application/octet-stream"),
        ("strange.qqq", b"application/octet-stream"),
        (".html", b"application/octet-stream"),
        ("dot.", b"application/octet-stream"),
    ],
)
def test_a_name_tells_the_type(name: str, expected: bytes) -> None:
    assert content_type(media_type_of(name)) == expected


def test_no_type_of_a_source_is_left_as_text_x() -> None:
    for extension in mimetypes.MimeTypes().types_map[True]:
        assert not media_type_of(f"file{extension}").startswith("text/x-")


def test_a_charset_that_was_given_is_kept() -> None:
    assert content_type("text/html; charset=iso-8859-1") == b"text/html; charset=iso-8859-1"


@pytest.mark.process
def test_types_do_not_depend_on_what_the_machine_adds_to_them() -> None:
    program = (
        "import mimetypes; mimetypes.init(); mimetypes.add_type('x/y', '.qqq'); mimetypes.add_type('x/y', '.html')\n"
        "from twistedsite.http.message.media_types import media_type_of\n"
        "print(media_type_of('a.qqq'), media_type_of('a.html'))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["application/octet-stream", "text/html"]


def test_texts_are_worth_compressing_and_images_and_archives_are_not() -> None:
    for name in ("a.html", "a.css", "a.js", "a.json", "a.svg", "a.xml", "a.wasm", "a.txt", "a.rss"):
        assert is_compressible(media_type_of(name)), name
    for name in ("a.png", "a.jpg", "a.webp", "a.zip", "a.gz", "a.br", "a.woff2", "a.mp4", "a.pdf", "a.bin"):
        assert not is_compressible(media_type_of(name)), name
    assert is_compressible("text/html; charset=utf-8")
