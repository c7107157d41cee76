"""What httplint, an independent judge of HTTP responses, says of ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import pytest_twisted
from site_files import write
from twisted.internet import threads

from twistedsite.testing import serving

pytestmark = pytest.mark.process

HTTPLINT = Path(sys.executable).with_name("httplint")
BROWSER = "Accept: text/html\r\n"
# No multipart/byteranges: httplint wants the Content-Range there that RFC 9110 (15.3.7.2) forbids.
ANSWERS = {
    "page": ("GET /page.html", "", 200),
    "static file": ("GET /big.txt", "", 200),
    "compressed file": ("GET /big.txt", "Accept-Encoding: gzip, br\r\n", 200),
    "not modified": ("GET /page.html", "If-None-Match: *\r\n", 304),
    "part of a file": ("GET /big.txt", "Range: bytes=0-9\r\n", 206),
    "range beyond the end": ("GET /big.txt", "Range: bytes=9000-\r\n", 416),
    "listing": ("GET /folder/", BROWSER, 200),
    "listing as JSON": ("GET /folder/?format=json", "", 200),
    "nothing": ("GET /nothing", BROWSER, 404),
    "nothing for a program": ("GET /nothing", "Accept: application/json\r\n", 404),
    "wrong method": ("POST /page.html", "", 405),
    "folder without slash": ("GET /folder", "", 301),
    "redirect of the settings": ("GET /old", "", 302),
    "script": ("GET /hello.py", "", 200),
    "script that streams": ("GET /stream.py", "", 200),
    "script that redirects": ("GET /away.py", "", 302),
    "script that fails": ("GET /fail.py", BROWSER, 500),
    "template": ("GET /note.md", "", 200),
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest_twisted.ensureDeferred
async def test_httplint_warns_of_nothing(tmp_path: Path, name: str) -> None:
    for file, content in {
        "page.html": "<!doctype html><p>Hello",
        "big.txt": "text " * 1000,
        "folder/x.txt": "",
        "hello.py": "print('<p>Hello')",
        "stream.py": "print('<p>Hello', flush=True)\nprint('again')",
        "away.py": "raise HTTP_REDIRECTION('page.html')",
        "fail.py": "1 / 0",
        "note.md": "# A note",
        "_folder.toml": "redirects = { old = 'page.html' }",
    }.items():
        write(tmp_path, file, content)
    line, fields, status = ANSWERS[name]
    async with serving(tmp_path) as site:
        request = f"{line} HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n{fields}Connection: close\r\n\r\n"
        answer = await site.raw(request.encode())
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    judged = await threads.deferToThread(
        subprocess.run, [str(HTTPLINT), "-n"], input=answer, capture_output=True, check=True, timeout=60
    )
    assert [found for found in judged.stdout.decode().splitlines() if "[WARN]" in found or "[BAD]" in found] == []
