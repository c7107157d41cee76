"""An origin may be far away: one request asks it a few times, however deep its path is; what it cannot tell is 503."""

from __future__ import annotations

import errno
import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest
import pytest_twisted
from site_files import logged, write

from twistedsite.origins.interface import Entry, OpenFile, OriginError
from twistedsite.origins.local import LocalOrigin
from twistedsite.testing import serving


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the calls to the origin, in their order."""
    names: list[str] = []
    lookup_many, open_file = LocalOrigin.lookup_many, LocalOrigin.open

    def counted_lookup(origin: LocalOrigin, paths: Sequence[tuple[str, ...]]) -> list[Entry | None]:
        names.append("lookup")
        return lookup_many(origin, paths)

    def counted_open(origin: LocalOrigin, entry: Entry) -> OpenFile:
        names.append("open")
        return open_file(origin, entry)

    monkeypatch.setattr(LocalOrigin, "lookup_many", counted_lookup)
    monkeypatch.setattr(LocalOrigin, "open", counted_open)
    return names


DEEP = "/".join("abcdef")


@pytest.mark.parametrize(
    ("path", "status", "looked_up", "opened"),
    [
        # Settings and the path itself; for a folder its index; for a file those beside it; its first line, and itself.
        ("/", 200, 3, 2),
        (f"/{DEEP}/page.html", 200, 2, 2),
        (f"/{DEEP}/run.py", 200, 1, 0),
        # Settings and the path; the folders above; what the name may mean without its extension.
        (f"/{DEEP}/run", 200, 3, 0),
        (f"/{DEEP}/run/path/info", 200, 3, 0),
        # The same, and the site's own error page.
        (f"/{DEEP}/missing", 404, 4, 0),
        ("/missing/very/deep/below", 404, 4, 0),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_cold_request_asks_the_origin_a_few_times(
    tmp_path: Path, calls: list[str], path: str, status: int, looked_up: int, opened: int
) -> None:
    write(tmp_path, "index.html", "<p>home")
    write(tmp_path, f"{DEEP}/page.html", "<p>page")
    write(tmp_path, f"{DEEP}/run.py", "print('hello')")
    fields = {"Accept-Encoding": "br, gzip, zstd", "Accept": "text/html"}
    async with serving(tmp_path) as site:
        assert (await site.get(path, headers=fields)).status == status
    assert (calls.count("lookup"), calls.count("open")) == (looked_up, opened)


@pytest_twisted.ensureDeferred
async def test_compressed_files_beside_are_looked_up_by_one_call(tmp_path: Path, calls: list[str]) -> None:
    write(tmp_path, "page.html", "<p>page")
    write(tmp_path, "page.html.gz", gzip.compress(b"<p>page"))
    async with serving(tmp_path) as site:
        answer = await site.get("/page.html", headers={"Accept-Encoding": "br, zstd, gzip"})
    assert (answer.status, answer.body) == (200, b"<p>page")
    assert calls.count("lookup") == 2


FAULT = OriginError(errno.EMFILE, "Too many open files", "/page.html")


@pytest.mark.parametrize("method", ["lookup_many", "open", "read"])
@pytest_twisted.ensureDeferred
async def test_what_the_origin_cannot_tell_is_503_while_it_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    write(tmp_path, "_folder.toml", "debug = false")
    write(tmp_path, "page.html", "<p>page")

    def failing(*_: object) -> None:
        raise FAULT

    async with serving(tmp_path) as site:
        with monkeypatch.context() as broken, logged() as log:
            broken.setattr(LocalOrigin, method, failing)
            assert [(await site.get("/page.html")).status for _ in range(2)] == [503, 503]
            assert "Too many open files" in log()
            assert "Traceback" not in log()
        assert (await site.get("/page.html")).text == "<p>page"


@pytest_twisted.ensureDeferred
async def test_a_404_whose_own_page_could_not_be_read_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looked_up: list[str]
) -> None:
    write(tmp_path, "_errors/404.html", "<p>own")
    accept = {"Accept": "text/html"}

    def failing(*_: object) -> None:
        raise FAULT

    async with serving(tmp_path) as site:
        with monkeypatch.context() as broken:
            broken.setattr(LocalOrigin, "read", failing)
            assert "Not Found" in (await site.get("/missing", headers=accept)).text
        assert (await site.get("/missing", headers=accept)).text == "<p>own"
    assert looked_up == ["/missing", "/missing"]
