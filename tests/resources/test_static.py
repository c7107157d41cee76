from __future__ import annotations

import email
import gzip
import http.client
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from file_site import TWO_DAYS_AGO, FileSite, serving
from twisted.internet import defer, reactor, threads
from twisted.internet.task import deferLater

from twistedsite.origins.interface import Entry, OpenFile
from twistedsite.resources.content.conditional import format_date

LAST_MODIFIED = format_date(TWO_DAYS_AGO).decode()


@pytest.fixture(params=[False, True], ids=["stock", "engine"])
def files(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[FileSite]:
    with serving(tmp_path, reactor, engine=request.param) as site:
        yield site


@pytest_twisted.ensureDeferred
async def test_a_file_is_sent_as_it_is_with_all_that_a_cache_needs(files: FileSite) -> None:
    content = files.write("page.html", "<p>Grüße".encode())
    answer = await files.ask("/page.html")
    assert (answer.status, answer.body) == (200, content)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-length"] == str(len(content))
    assert answer.headers["last-modified"] == LAST_MODIFIED
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"].startswith('"')


@pytest_twisted.ensureDeferred
async def test_an_empty_file_is_an_empty_answer(files: FileSite) -> None:
    files.write("empty.txt", b"")
    answer = await files.ask("/empty.txt")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")


@pytest_twisted.ensureDeferred
async def test_head_says_what_get_says_and_sends_nothing(files: FileSite) -> None:
    files.write("a.bin", os.urandom(300_000))
    head, get = await files.ask("/a.bin", "HEAD"), await files.ask("/a.bin")
    assert (head.status, head.body) == (200, b"")
    assert {**head.headers, "date": ""} == {**get.headers, "date": ""}


@pytest_twisted.ensureDeferred
async def test_head_takes_no_notice_of_ranges(files: FileSite) -> None:
    files.write("a.bin", b"0123456789")
    answer = await files.ask("/a.bin", "HEAD", range="bytes=0-1")
    assert (answer.status, answer.headers["content-length"]) == (200, "10")


@pytest_twisted.ensureDeferred
async def test_other_methods_are_refused_with_those_that_are_not(files: FileSite) -> None:
    files.write("a.bin", b"0123456789")
    answer = await files.ask("/a.bin", "DELETE")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest_twisted.ensureDeferred
async def test_what_the_client_has_is_not_sent_again(files: FileSite) -> None:
    files.write("a.txt", b"content")
    first = await files.ask("/a.txt")
    for condition in ({"if_none_match": first.headers["etag"]}, {"if_modified_since": LAST_MODIFIED}):
        again = await files.ask("/a.txt", **condition)
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["cache-control"] == "no-cache"
        assert "content-type" not in again.headers
        assert "content-length" not in again.headers


@pytest_twisted.ensureDeferred
async def test_a_changed_file_is_sent_whatever_the_client_has(files: FileSite) -> None:
    files.write("a.txt", b"old")
    etag = (await files.ask("/a.txt")).headers["etag"]
    files.write("a.txt", b"new", TWO_DAYS_AGO + 1)
    answer = await files.ask("/a.txt", if_none_match=etag, if_modified_since=LAST_MODIFIED)
    assert (answer.status, answer.body) == (200, b"new")


@pytest_twisted.ensureDeferred
async def test_a_precondition_that_fails_is_told(files: FileSite) -> None:
    files.write("a.txt", b"content")
    assert (await files.ask("/a.txt", if_match='"other"')).status == 412
    assert (await files.ask("/a.txt", if_unmodified_since=format_date(0).decode())).status == 412


@pytest_twisted.ensureDeferred
async def test_a_file_from_the_future_was_modified_now(files: FileSite) -> None:
    files.write("a.txt", b"content", time.time() + 90_000)
    answer = await files.ask("/a.txt")
    assert answer.headers["last-modified"] <= answer.headers["date"]


@pytest_twisted.ensureDeferred
async def test_a_range_is_sent_alone(files: FileSite) -> None:
    content = files.write("a.bin", os.urandom(400_000))
    for first, last in ((0, 0), (5, 70_000), (1, 399_999)):
        answer = await files.ask("/a.bin", range=f"bytes={first}-{last}")
        assert answer.status == 206
        assert answer.body == content[first : last + 1]
        assert answer.headers["content-range"] == f"bytes {first}-{last}/400000"
        assert answer.headers["content-length"] == str(last + 1 - first)


@pytest_twisted.ensureDeferred
async def test_several_ranges_come_in_parts(files: FileSite) -> None:
    content = files.write("a.txt", b"0123456789" * 30_000)
    answer = await files.ask("/a.txt", range="bytes=250000-,0-1,5-9")
    message = email.message_from_bytes(
        b"Content-Type: " + answer.headers["content-type"].encode() + b"\r\n\r\n" + answer.body
    )
    parts = message.get_payload()
    assert answer.status == 206
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert "content-range" not in answer.headers
    assert message.get_content_type() == "multipart/byteranges"
    assert [part.get_payload(decode=True) for part in parts] == [content[250_000:], content[:2], content[5:10]]
    assert [part["content-range"] for part in parts] == [
        "bytes 250000-299999/300000",
        "bytes 0-1/300000",
        "bytes 5-9/300000",
    ]
    assert {part["content-type"] for part in parts} == {"text/plain; charset=utf-8"}


@pytest_twisted.ensureDeferred
async def test_a_range_past_the_end_is_refused_with_the_size(files: FileSite) -> None:
    files.write("a.bin", b"0123456789")
    answer = await files.ask("/a.bin", range="bytes=10-")
    assert (answer.status, answer.headers["content-range"]) == (416, "bytes */10")
    assert "etag" not in answer.headers


@pytest.mark.parametrize("field", ["bytes=9-1", "bytes=a", "lines=1-2", "bytes=-999"])
@pytest_twisted.ensureDeferred
async def test_ranges_that_mean_nothing_or_all_give_the_file(files: FileSite, field: str) -> None:
    content = files.write("a.bin", b"0123456789")
    answer = await files.ask("/a.bin", range=field)
    assert (answer.status, answer.body) in ((200, content), (206, content))


@pytest_twisted.ensureDeferred
async def test_too_many_ranges_give_the_file(files: FileSite) -> None:
    content = files.write("a.bin", b"0123456789" * 10)
    answer = await files.ask("/a.bin", range="bytes=" + ",".join(f"{at}-{at}" for at in range(0, 34, 2)))
    assert (answer.status, answer.body) == (200, content)


@pytest_twisted.ensureDeferred
async def test_a_download_is_resumed_only_where_the_file_is_the_same(files: FileSite) -> None:
    files.write("a.bin", b"0123456789")
    etag = (await files.ask("/a.bin")).headers["etag"]
    for validator, status in (
        (etag, 206),
        (LAST_MODIFIED, 206),
        ('"other"', 200),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 200),
    ):
        assert (await files.ask("/a.bin", range="bytes=5-", if_range=validator)).status == status
    assert (await files.ask("/a.bin", range="bytes=50-", if_range='"other"')).status == 200


@pytest_twisted.ensureDeferred
async def test_a_file_deleted_between_lookup_and_open_answers_404(files: FileSite) -> None:
    files.write("a.txt", b"content")
    lookup_many = files.site.origin.lookup_many

    def delete_after_lookup(paths: list[tuple[str, ...]]) -> object:
        found = lookup_many(paths)
        (files.root / "a.txt").unlink()
        return found

    files.site.origin.lookup_many = delete_after_lookup
    assert (await files.ask("/a.txt")).status == 404


@pytest_twisted.ensureDeferred
async def test_a_file_replaced_between_lookup_and_open_is_told_as_it_was_opened(files: FileSite) -> None:
    files.write("a.txt", b"content")
    old = (await files.ask("/a.txt")).headers["etag"]
    lookup_many = files.site.origin.lookup_many

    def replace_after_lookup(paths: list[tuple[str, ...]]) -> object:
        found = lookup_many(paths)
        files.write("a.txt", b"another content", TWO_DAYS_AGO + 1)
        return found

    files.site.origin.lookup_many = replace_after_lookup
    answer = await files.ask("/a.txt", if_none_match=old)
    assert (answer.status, answer.body) == (200, b"another content")


class ShortFile:
    """An open file that says it is longer than it is."""

    def __init__(self, file: OpenFile, size: int) -> None:
        self._file = file
        self.size, self.version, self.mtime = size, file.version, file.mtime

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def duplicate(self) -> ShortFile:
        return ShortFile(self._file.duplicate(), self.size)


def shrink(files: FileSite, size: int) -> None:
    """From now on files have `size` bytes when they are opened, and less when they are read."""
    open_file = files.site.origin.open
    files.site.origin.open = lambda entry: ShortFile(open_file(entry), size)


@pytest_twisted.ensureDeferred
async def test_a_file_that_shrinks_while_it_is_sent_breaks_the_connection(files: FileSite) -> None:
    files.write("a.bin", bytes(300_000))
    shrink(files, 400_000)
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        await files.ask("/a.bin")


@pytest_twisted.ensureDeferred
async def test_a_small_file_that_shrinks_before_it_is_read_answers_404(files: FileSite) -> None:
    files.write("a.bin", b"0123")
    shrink(files, 400)
    assert (await files.ask("/a.bin")).status == 404


@pytest_twisted.ensureDeferred
async def test_an_origin_far_away_may_take_its_time_to_open(files: FileSite) -> None:
    content = files.write("a.bin", b"0123")
    open_file = files.site.origin.open

    def open_later(entry: Entry) -> defer.Deferred[OpenFile]:
        later: defer.Deferred[OpenFile] = defer.Deferred()
        reactor.callLater(0, lambda: later.callback(open_file(entry)))
        return later

    files.site.origin.open = open_later
    answer = await files.ask("/a.bin")
    assert (answer.status, answer.body) == (200, content)


class FileElsewhere:
    """A file without a descriptor here: its bytes come later."""

    def __init__(self, file: OpenFile) -> None:
        self._file = file
        self.size, self.version, self.mtime, self.settled = file.size, file.version, file.mtime, file.settled

    def fileno(self) -> None:
        return None

    def read_now(self, offset: int, length: int) -> None:
        return None

    def read(self, offset: int, length: int) -> defer.Deferred[Any]:
        return deferLater(reactor, 0, self._file.read, offset, length)

    def duplicate(self) -> FileElsewhere:
        return FileElsewhere(self._file.duplicate())

    def close(self) -> None:
        self._file.close()


@pytest_twisted.ensureDeferred
async def test_a_file_without_a_descriptor_is_sent_whole_in_parts_and_compressed(files: FileSite) -> None:
    small, big = files.write("a.txt", b"0123456789" * 200), files.write("big.bin", os.urandom(1_000_000))
    open_file = files.site.origin.open
    files.site.origin.open = lambda entry: FileElsewhere(open_file(entry))
    before = open_files_below(files.root)
    assert (await files.ask("/a.txt")).body == small
    assert (await files.ask("/big.bin")).body == big
    assert (await files.ask("/big.bin", range="bytes=10-700000")).body == big[10:700001]
    assert big[:10] in (await files.ask("/big.bin", range="bytes=0-9,500000-899999")).body
    answer = await files.ask("/a.txt", accept_encoding="gzip")
    assert (answer.headers["content-encoding"], gzip.decompress(answer.body)) == ("gzip", small)
    assert open_files_below(files.root) == before


@pytest_twisted.ensureDeferred
async def test_a_folder_has_the_last_word_on_what_is_said_of_its_files(files: FileSite) -> None:
    files.say(headers={"Cache-Control": "max-age=60", "X-Own": "Grüße"})
    files.write("a.txt", b"content")
    answer = await files.ask("/a.txt")
    assert answer.body == b"content"
    assert answer.headers["cache-control"] == "max-age=60"
    assert answer.headers["x-own"].encode("latin-1").decode() == "Grüße"
    known = await files.ask("/a.txt", if_none_match=answer.headers["etag"])
    assert (known.status, known.headers["cache-control"]) == (304, "max-age=60")


def open_files_below(root: Path) -> list[str]:
    """What this process holds open of `root`."""
    targets = []
    for name in os.listdir("/proc/self/fd"):
        try:
            targets.append(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:
            continue
    return [target for target in targets if target.startswith(str(root))]


@pytest_twisted.ensureDeferred
async def test_a_client_that_goes_away_leaves_no_file_open(files: FileSite) -> None:
    files.write_sparse("big.bin", 200_000_000)

    def read_a_little() -> list[str]:
        with socket.create_connection(("127.0.0.1", files.port)) as client:
            client.sendall(b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            client.recv(1000)
            return open_files_below(files.root)

    assert await threads.deferToThread(read_a_little)
    while open_files_below(files.root):
        assert (await files.ask("/big.bin", "HEAD")).status == 200
