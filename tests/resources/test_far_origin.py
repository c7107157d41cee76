"""A site whose files lie elsewhere: answers come later, there is no descriptor, and the place may fail."""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import pytest_twisted
from site_files import logged, write
from twisted.internet import reactor

from twistedsite.origins.interface import OriginError, UnreadableError
from twistedsite.testing import MemoryOrigin, serving

BIG = bytes(range(256)) * 4096
"""A mebibyte: sent in several parts."""


@pytest.fixture
def origin() -> MemoryOrigin:
    return MemoryOrigin({"page.html": "hello", "big.bin": BIG, "run.py": "print('ran')"}, reactor=reactor, delay=0.001)


@pytest_twisted.ensureDeferred
async def test_files_folders_and_ranges_are_served(tmp_path: Path, origin: MemoryOrigin) -> None:
    async with serving(tmp_path, origin=origin) as site:
        assert (await site.get("/page.html")).body == b"hello"
        assert (await site.get("/big.bin")).body == BIG
        part = await site.get("/big.bin", headers={"Range": "bytes=300000-900000"})
        assert (part.status, part.body) == (206, BIG[300_000:900_001])
        listing = await site.get("/?format=json")
        assert all(name in listing.text for name in ("page.html", "big.bin", "run.py"))


@pytest_twisted.ensureDeferred
async def test_a_change_is_live_at_the_next_request(tmp_path: Path, origin: MemoryOrigin) -> None:
    async with serving(tmp_path, origin=origin) as site:
        bodies = []
        for text in ("one", "two", "two", "three"):
            origin.change("page.html", text)
            bodies += [(await site.get("/page.html")).text for _ in range(2)]
        assert bodies == ["one", "one", "two", "two", "two", "two", "three", "three"]
        asked = origin.calls["lookup_many"]
        assert (await site.get("/page.html")).text == "three"
        assert origin.calls["lookup_many"] == asked


@pytest_twisted.ensureDeferred
async def test_a_failing_look_up_is_503_and_forgotten_when_it_is_over(tmp_path: Path, origin: MemoryOrigin) -> None:
    async with serving(tmp_path, origin=origin) as site:
        origin.fail("lookup_many", OriginError(errno.EIO, "no answer"))
        assert [(await site.get(path)).status for path in ("/page.html", "/missing", "/")] == [503] * 3
        origin.fail("lookup_many", None)
        assert [(await site.get(path)).status for path in ("/page.html", "/missing", "/")] == [200, 404, 200]


@pytest_twisted.ensureDeferred
async def test_a_body_that_cannot_be_read_to_its_end_is_cut_off(tmp_path: Path, origin: MemoryOrigin) -> None:
    async with serving(tmp_path, origin=origin) as site:
        action: Callable[[], object] = partial(origin.fail, "read_part", OriginError(errno.EIO, "gone silent"))
        # Not at once: the first line is read first, which may make a script of the file; then come parts of the body.
        for _ in range(4):
            action = partial(origin.before, "read_part", action)
        action()
        answer = await site.raw(b"GET /big.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-length: %d" % len(BIG) in head.lower()
    assert 0 < len(body) < len(BIG)


@pytest_twisted.ensureDeferred
async def test_what_is_gone_between_look_up_and_open_is_404(tmp_path: Path, origin: MemoryOrigin) -> None:
    async with serving(tmp_path, origin=origin) as site:
        origin.before("open", lambda: origin.remove("page.html"))
        assert (await site.get("/page.html")).status == 404


@pytest_twisted.ensureDeferred
async def test_scripts_run_where_their_site_has_its_files_on_this_disk_too(tmp_path: Path) -> None:
    write(tmp_path, "run.py", "from helper import text\nprint(text)")
    write(tmp_path, "helper.py", "text = 'ran'")
    async with serving(tmp_path, origin=MemoryOrigin.of_folder(tmp_path, reactor)) as site:
        assert (await site.get("/run.py")).text == "ran\n"
    async with serving(tmp_path, origin=MemoryOrigin({"run.py": "print()"}, reactor=reactor)) as site:
        assert (await site.get("/run.py")).status == 501


@pytest_twisted.ensureDeferred
async def test_what_a_script_writes_goes_to_the_origin(tmp_path: Path) -> None:
    write(
        tmp_path,
        "run.py",
        "with storage.lock('data.txt'):\n    storage.write('data.txt', storage.read('data.txt') + b'x')\nprint('done')",
    )
    write(tmp_path, "data.txt")
    origin = MemoryOrigin.of_folder(tmp_path, reactor)
    async with serving(tmp_path, origin=origin, storage={"writable": ["data.txt"]}) as site:
        for _ in range(3):
            answer = await site.get("/run.py")
            assert (answer.status, answer.text) == (200, "done\n")
    assert (tmp_path / "data.txt").read_bytes() == b"xxx"
    assert origin.calls["write"] == 3


@pytest.mark.parametrize(("path", "method"), [("/page.html", "open"), ("/", "list_page")])
@pytest_twisted.ensureDeferred
async def test_what_may_not_be_read_is_forbidden_and_logged(
    tmp_path: Path, origin: MemoryOrigin, path: str, method: str
) -> None:
    async with serving(tmp_path, origin=origin) as site:
        origin.fail(method, UnreadableError("page.html"))
        with logged() as log:
            assert (await site.get(path)).status == 403
        assert f"{path}: 403, the server may not read it" in log()
        origin.fail(method, None)
        assert (await site.get(path)).status == 200
