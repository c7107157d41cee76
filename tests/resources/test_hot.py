from __future__ import annotations

import gzip
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from file_site import TWO_DAYS_AGO, Answer, exchange
from site_files import next_tick
from twisted.internet import reactor, threads

from twistedsite.http.connection.body import ContentLimits
from twistedsite.http.message.head import RequestHead, make_head
from twistedsite.http.site import Site
from twistedsite.origins import version
from twistedsite.resources.cache import validated
from twistedsite.resources.mapping.builder import build_site
from twistedsite.sessions.stores import open_store
from twistedsite.settings.server import ServerSettings, StaticSettings
from twistedsite.settings.units import Size

TEXT = b"line of a text that gets smaller\n" * 100


class HotSite:
    """A site by our own engine that tells which of its answers were hot."""

    def __init__(self, root: Path, settings: ServerSettings) -> None:
        self.root = root
        self.settings = settings
        sessions = open_store("memory", self.settings.session, time.time)
        self.built = build_site(self.settings, sessions, reactor)
        self.engine = Site(
            self.built.resource,
            limits=self.settings.http,
            content_limits=ContentLimits(self.settings.max_body).for_any,
            reactor=reactor,
            quick_answer=self.quick_answer,
        )
        self.answers: list[object] = []

    def quick_answer(self, head: RequestHead, tick: int = 0) -> Any:
        found = self.built.context.services.answers.find(self.built.context, head, tick)
        self.answers.append(found)
        return found

    def write(self, name: str, content: bytes) -> bytes:
        next_tick(self.root)
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (TWO_DAYS_AGO, TWO_DAYS_AGO))
        return content

    async def ask(self, path: str, method: str = "GET", **fields: str) -> Answer:
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        return await threads.deferToThread(exchange, self.port, method, path, headers)

    async def is_hot(self, path: str, method: str = "GET", **fields: str) -> bool:
        """Whether the answer, which must be one, came from memory."""
        answer = await self.ask(path, method, **fields)
        assert answer.status in (200, 206, 304)
        return self.answers[-1] is not None


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[ServerSettings], HotSite]]:
    """A function that serves a site whose files count as settled at once."""
    monkeypatch.setattr(version, "TICK_NS", -1)
    started: list[tuple[HotSite, Any]] = []

    def start(settings: ServerSettings) -> HotSite:
        made = HotSite(tmp_path, settings)
        port = reactor.listenTCP(0, made.engine, interface="127.0.0.1")
        made.port = port.getHost().port
        started.append((made, port))
        return made

    yield start
    for made, port in started:
        pytest_twisted.blockon(port.stopListening())
        pytest_twisted.blockon(made.engine.drain(0))
        made.built.stop()


@pytest.fixture
def site(tmp_path: Path, serve: Callable[[ServerSettings], HotSite]) -> HotSite:
    return serve(ServerSettings(root=str(tmp_path)))


def same(one: Answer, other: Answer) -> bool:
    return (one.status, one.body, {**one.headers, "date": ""}) == (
        other.status,
        other.body,
        {**other.headers, "date": ""},
    )


@pytest_twisted.ensureDeferred
async def test_a_small_file_asked_for_again_is_answered_from_memory_with_the_same_answer(site: HotSite) -> None:
    site.write("sub/a.txt", b"content")
    cold = await site.ask("/sub/a.txt")
    warm = await site.ask("/sub/a.txt")
    assert site.answers[0] is None
    assert site.answers[1] is not None
    assert same(cold, warm)
    assert same(await site.ask("/sub/a.txt?v=1"), cold)
    assert site.answers[2] is not None


@pytest_twisted.ensureDeferred
async def test_head_and_conditions_are_answered_from_memory_too(site: HotSite) -> None:
    site.write("a.txt", b"content")
    cold = await site.ask("/a.txt")
    cold_known = await site.ask("/a.txt", "HEAD", if_none_match=cold.headers["etag"], range="bytes=0-1")
    assert site.answers[-1] is None
    for known in ({"if_none_match": cold.headers["etag"]}, {"if_modified_since": cold.headers["last-modified"]}):
        for method in ("GET", "HEAD"):
            assert same(await site.ask("/a.txt", method, **known), cold_known)
            assert site.answers[-1] is not None
    for unknown in ({"if_none_match": '"x"'}, {"if_modified_since": "x"}):
        assert same(await site.ask("/a.txt", **unknown), cold)
        assert site.answers[-1] is not None
    head = await site.ask("/a.txt", "HEAD")
    assert (head.body, head.headers["content-length"]) == (b"", "7")
    assert site.answers[-1] is not None


@pytest_twisted.ensureDeferred
async def test_each_coding_is_kept_apart(site: HotSite) -> None:
    site.write("a.txt", TEXT)
    cold = {accepted: await site.ask("/a.txt", accept_encoding=accepted) for accepted in ("gzip", "br", "identity")}
    for accepted, answer in cold.items():
        assert same(await site.ask("/a.txt", accept_encoding=accepted), answer)
        assert site.answers[-1] is not None
    assert len({answer.headers["etag"] for answer in cold.values()}) == 3


@pytest.mark.parametrize(
    "fields",
    [
        {"range": "bytes=0-1"},
        {"if_match": "*"},
        {"if_unmodified_since": "Tue, 01 Jan 2030 00:00:00 GMT"},
        {"authorization": "Basic eDp5"},
    ],
)
@pytest_twisted.ensureDeferred
async def test_rarer_requests_take_the_long_way(site: HotSite, fields: dict[str, str]) -> None:
    site.write("a.txt", b"content")
    await site.ask("/a.txt")
    assert not await site.is_hot("/a.txt", **fields)


@pytest_twisted.ensureDeferred
async def test_a_change_of_the_file_shows_in_the_next_answer(site: HotSite) -> None:
    site.write("a.txt", b"content")
    await site.ask("/a.txt")
    assert await site.is_hot("/a.txt")
    changed = site.write("a.txt", b"CONTENT")
    assert (await site.ask("/a.txt")).body == changed
    assert await site.is_hot("/a.txt")
    (site.root / "a.txt").unlink()
    assert (await site.ask("/a.txt")).status == 404


@pytest_twisted.ensureDeferred
async def test_a_file_renamed_over_another_shows_in_the_next_answer(site: HotSite) -> None:
    site.write("a.txt", b"content")
    site.write("b.txt", b"CONTENT")
    await site.ask("/a.txt")
    (site.root / "b.txt").rename(site.root / "a.txt")
    assert (await site.ask("/a.txt")).body == b"CONTENT"


@pytest.mark.parametrize("folder", ["", "sub/", "sub/deep/"])
@pytest_twisted.ensureDeferred
async def test_settings_of_every_folder_above_show_in_the_next_answer(site: HotSite, folder: str) -> None:
    site.write("sub/deep/a.txt", b"content")
    await site.ask("/sub/deep/a.txt")
    assert await site.is_hot("/sub/deep/a.txt")
    for value in ("first", "second"):
        site.write(f"{folder}_folder.toml", f'headers = {{X-Own = "{value}"}}'.encode())
        assert (await site.ask("/sub/deep/a.txt")).headers["x-own"] == value
        assert (await site.ask("/sub/deep/a.txt")).headers["x-own"] == value
        assert site.answers[-1] is not None
    (site.root / folder / "_folder.toml").unlink()
    assert "x-own" not in (await site.ask("/sub/deep/a.txt")).headers


@pytest_twisted.ensureDeferred
async def test_other_names_that_come_and_go_leave_an_answer_hot(site: HotSite) -> None:
    site.write("a.txt", b"content")
    await site.ask("/a.txt")
    for name in ("b.txt", "c.txt"):
        site.write(name, b"other")
        assert await site.is_hot("/a.txt")
    (site.root / "b.txt").unlink()
    assert await site.is_hot("/a.txt")
    site.write("_folder.toml", b'headers = {X-Own = "yes"}')
    assert (await site.ask("/a.txt")).headers["x-own"] == "yes"


@pytest_twisted.ensureDeferred
async def test_an_index_gives_way_to_a_better_one(site: HotSite) -> None:
    site.write("index.txt", b"text")
    await site.ask("/")
    assert await site.is_hot("/")
    site.write("index.html", b"<p>page")
    assert (await site.ask("/")).body == b"<p>page"
    assert await site.is_hot("/")
    (site.root / "index.html").unlink()
    assert (await site.ask("/")).body == b"text"


@pytest_twisted.ensureDeferred
async def test_a_folder_replaced_by_a_link_is_judged_anew(
    site: HotSite, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    site.write("sub/a.txt", b"content")
    await site.ask("/sub/a.txt")
    assert await site.is_hot("/sub/a.txt")
    (site.root / "sub").rename(outside / "sub")
    (site.root / "sub").symlink_to(outside / "sub")
    assert (await site.ask("/sub/a.txt")).status == 403


@pytest_twisted.ensureDeferred
async def test_what_is_reached_by_a_link_is_never_hot(site: HotSite) -> None:
    site.write("a.txt", b"content")
    (site.root / "link.txt").symlink_to("a.txt")
    for _ in range(3):
        assert not await site.is_hot("/link.txt")


@pytest_twisted.ensureDeferred
async def test_a_compressed_file_beside_is_watched_as_well(site: HotSite) -> None:
    site.write("a.css", TEXT)
    site.write("a.css.gz", gzip.compress(TEXT))
    await site.ask("/a.css", accept_encoding="gzip")
    assert await site.is_hot("/a.css", accept_encoding="gzip")
    changed = site.write("a.css.gz", gzip.compress(TEXT + b"more"))
    assert (await site.ask("/a.css", accept_encoding="gzip")).body == changed
    site.write("a.css", b"changed" * 300)
    os.utime(site.root / "a.css", (TWO_DAYS_AGO + 1, TWO_DAYS_AGO + 1))
    assert gzip.decompress((await site.ask("/a.css", accept_encoding="gzip")).body) == b"changed" * 300


@pytest_twisted.ensureDeferred
async def test_that_a_large_file_has_not_changed_is_known_without_keeping_it(site: HotSite) -> None:
    content = site.write("big.bin", bytes(site.settings.static.hot_file + 1))
    etag = (await site.ask("/big.bin")).headers["etag"]
    assert await site.is_hot("/big.bin", if_none_match=etag)
    assert (await site.ask("/big.bin", if_none_match='"x"')).body == content
    assert site.answers[-1] is None


@pytest_twisted.ensureDeferred
async def test_large_files_listings_and_redirects_are_never_hot(site: HotSite) -> None:
    site.write("big.bin", bytes(site.settings.static.hot_file + 1))
    (site.root / "folder").mkdir()
    for path in ("/big.bin", "/folder/", "/folder"):
        for _ in range(2):
            await site.ask(path)
            assert site.answers[-1] is None


@pytest_twisted.ensureDeferred
async def test_what_changed_a_moment_ago_is_not_kept(site: HotSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "TICK_NS", 10**11)
    site.write("a.txt", b"content")
    for _ in range(3):
        assert not await site.is_hot("/a.txt")


@pytest_twisted.ensureDeferred
async def test_the_cache_holds_what_was_used_last_within_its_limit(
    tmp_path: Path, serve: Callable[[ServerSettings], HotSite]
) -> None:
    room_for_two = Size(2 * (validated.OVERHEAD + 20_000 + 1_000))
    site = serve(ServerSettings(root=str(tmp_path), static=StaticSettings(hot_cache=room_for_two)))
    for name in ("a.bin", "b.bin", "c.bin"):
        site.write(name, bytes(20_000))
    for name in ("a.bin", "b.bin", "a.bin", "c.bin"):
        await site.ask(f"/{name}")
    assert await site.is_hot("/a.bin")
    assert await site.is_hot("/c.bin")
    assert not await site.is_hot("/b.bin")


@pytest_twisted.ensureDeferred
async def test_requests_of_one_tick_are_checked_once(site: HotSite) -> None:
    site.write("a.txt", b"content")
    await site.ask("/a.txt")
    head = make_head(b"GET", b"/a.txt", 1, ((b"Host", b"x"), (b"Accept-Encoding", b"identity")), 0)
    assert site.quick_answer(head, tick=7) is not None
    site.write("a.txt", b"changed")
    assert site.quick_answer(head, tick=7) is not None
    assert site.quick_answer(head, tick=8) is None


@pytest_twisted.ensureDeferred
async def test_a_request_that_stands_for_itself_is_always_checked(site: HotSite) -> None:
    site.write("a.txt", b"content")
    await site.ask("/a.txt")
    head = make_head(b"GET", b"/a.txt", 1, ((b"Host", b"x"), (b"Accept-Encoding", b"identity")), 0)
    assert site.quick_answer(head) is not None
    site.write("a.txt", b"changed")
    assert site.quick_answer(head) is None
