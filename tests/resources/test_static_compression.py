from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import msgspec
import pytest
import pytest_twisted
from file_site import TWO_DAYS_AGO, Answer, FileSite
from file_site import serving as serving_file
from test_compression import decode
from twisted.internet import defer, reactor

from twistedsite.http.connection.sendfile import ShortFileError
from twistedsite.origins import version
from twistedsite.origins.local_files import LocalFile
from twistedsite.resources.content import encoded
from twistedsite.resources.content.compression import CODINGS, SUFFIXES, encode
from twistedsite.resources.content.encoded import EncodedBodies, FileVersion
from twistedsite.settings.server import Coding
from twistedsite.testing import serving

TEXT = b"".join(b"line %d of a text that gets smaller\n" % number for number in range(3000))


@pytest.fixture(params=[False, True], ids=["stock", "engine"])
def files(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[FileSite]:
    with serving_file(tmp_path, reactor, engine=request.param) as site:
        yield site


@pytest.fixture
def encodings(monkeypatch: pytest.MonkeyPatch) -> list[Coding]:
    """The codings of all files that were compressed, in order; files count as settled at once."""
    monkeypatch.setattr(version, "TICK_NS", -1)
    made: list[Coding] = []

    def counting(coding: Coding, data: bytes) -> bytes:
        made.append(coding)
        return encode(coding, data)

    monkeypatch.setattr(encoded, "encode", counting)
    return made


def without_date(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "date"}


@pytest.mark.parametrize("coding", CODINGS)
@pytest_twisted.ensureDeferred
async def test_texts_are_compressed_for_those_who_ask(files: FileSite, coding: Coding) -> None:
    files.write("a.txt", TEXT)
    answer = await files.ask("/a.txt", accept_encoding=coding)
    assert (answer.status, answer.headers["content-encoding"]) == (200, coding)
    assert decode(coding, answer.body) == TEXT
    assert int(answer.headers["content-length"]) == len(answer.body) < len(TEXT) / 2
    assert answer.headers["vary"] == "Accept-Encoding"
    assert "accept-ranges" not in answer.headers


@pytest_twisted.ensureDeferred
async def test_each_coding_has_its_own_etag_and_is_known_again_by_it(files: FileSite) -> None:
    files.write("a.txt", TEXT)
    tags = {}
    for accepted in ("br", "zstd", "gzip", "identity"):
        tags[accepted] = (await files.ask("/a.txt", accept_encoding=accepted)).headers["etag"]
    assert len(set(tags.values())) == 4
    for accepted, tag in tags.items():
        again = await files.ask("/a.txt", accept_encoding=accepted, if_none_match=tag)
        assert (again.status, again.headers["etag"]) == (304, tag)
        assert again.headers["vary"] == "Accept-Encoding"
        assert "content-encoding" not in again.headers
    assert (await files.ask("/a.txt", accept_encoding="br", if_none_match=tags["gzip"])).status == 200


@pytest_twisted.ensureDeferred
async def test_head_says_what_get_says_in_every_coding(files: FileSite) -> None:
    files.write("a.txt", TEXT)
    for accepted in ("br", "zstd", "gzip", "identity"):
        head = await files.ask("/a.txt", "HEAD", accept_encoding=accepted)
        assert head.body == b""
        assert without_date(head) == without_date(await files.ask("/a.txt", accept_encoding=accepted))


@pytest_twisted.ensureDeferred
async def test_those_who_do_not_ask_are_told_that_it_depends(files: FileSite) -> None:
    files.write("a.txt", TEXT)
    answer = await files.ask("/a.txt", accept_encoding="identity")
    assert answer.body == TEXT
    assert answer.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in answer.headers


@pytest_twisted.ensureDeferred
async def test_a_vary_of_the_folder_is_kept_beside_ours(files: FileSite) -> None:
    files.say(headers={"Vary": "Cookie"})
    files.write("a.txt", TEXT)
    assert (await files.ask("/a.txt")).headers["vary"] == "Cookie, Accept-Encoding"


@pytest_twisted.ensureDeferred
async def test_ranges_are_of_the_file_itself(files: FileSite) -> None:
    files.write("a.txt", TEXT)
    answer = await files.ask("/a.txt", accept_encoding="br, gzip", range="bytes=5-9")
    assert (answer.status, answer.body) == (206, TEXT[5:10])
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("name", ["a.png", "a.zip", "a.woff2", "a.bin"])
@pytest_twisted.ensureDeferred
async def test_what_is_compressed_already_is_sent_as_it_is(files: FileSite, name: str) -> None:
    files.write(name, TEXT)
    answer = await files.ask(f"/{name}", accept_encoding="br, gzip")
    assert answer.body == TEXT
    assert "content-encoding" not in answer.headers
    assert "vary" not in answer.headers


@pytest_twisted.ensureDeferred
async def test_short_and_incompressible_texts_are_sent_as_they_are(files: FileSite) -> None:
    for name, content in (("short.txt", TEXT[:1023]), ("noise.txt", os.urandom(5000))):
        files.write(name, content)
        answer = await files.ask(f"/{name}", accept_encoding="gzip, br")
        assert answer.body == content
        assert "content-encoding" not in answer.headers


@pytest_twisted.ensureDeferred
async def test_the_settings_can_turn_it_off(files: FileSite) -> None:
    files.write("a.txt", TEXT)
    nothing = msgspec.structs.replace(files.site.settings.compression, codings=())
    settings = msgspec.structs.replace(files.site.settings, compression=nothing)
    files.resource.site = attrs.evolve(files.site, settings=settings)
    answer = await files.ask("/a.txt", accept_encoding="gzip, br")
    assert answer.body == TEXT
    assert "vary" not in answer.headers


@pytest_twisted.ensureDeferred
async def test_what_the_author_has_encoded_is_left_alone(files: FileSite) -> None:
    files.say(headers={"Content-Encoding": "gzip"})
    content = files.write("a.svg", encode("gzip", TEXT))
    answer = await files.ask("/a.svg", accept_encoding="br")
    assert (answer.body, answer.headers["content-encoding"]) == (content, "gzip")


@pytest_twisted.ensureDeferred
async def test_a_long_compressed_body_comes_whole(files: FileSite) -> None:
    text = b"".join(b"%d " % number for number in range(600_000))
    files.write("a.txt", text)
    answer = await files.ask("/a.txt", accept_encoding="gzip")
    assert len(answer.body) > 1_000_000
    assert decode("gzip", answer.body) == text


@pytest.mark.parametrize("coding", CODINGS)
@pytest_twisted.ensureDeferred
async def test_a_compressed_file_beside_is_used_while_it_is_newer(files: FileSite, coding: Coding) -> None:
    files.write("a.css", TEXT)
    prepared = files.write("a.css" + SUFFIXES[coding], encode(coding, TEXT), TWO_DAYS_AGO + 1)
    answer = await files.ask("/a.css", accept_encoding=coding)
    assert (answer.body, answer.headers["content-encoding"]) == (prepared, coding)
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    known = await files.ask("/a.css", accept_encoding=coding, if_none_match=answer.headers["etag"])
    assert known.status == 304

    changed = files.write("a.css", TEXT + b"changed", TWO_DAYS_AGO + 2)
    answer = await files.ask("/a.css", accept_encoding=coding)
    assert decode(coding, answer.body) == changed


@pytest_twisted.ensureDeferred
async def test_the_best_coding_that_lies_beside_wins_over_work(files: FileSite, encodings: list[Coding]) -> None:
    files.write("a.css", TEXT)
    files.write("a.css.gz", encode("gzip", TEXT))
    answer = await files.ask("/a.css", accept_encoding="gzip, br")
    assert answer.headers["content-encoding"] == "gzip"
    assert encodings == []


@pytest_twisted.ensureDeferred
async def test_a_short_file_is_sent_compressed_where_that_lies_beside(files: FileSite) -> None:
    files.write("a.css", b"p {}")
    files.write("a.css.gz", encode("gzip", b"p {}"))
    assert (await files.ask("/a.css", accept_encoding="gzip")).headers["content-encoding"] == "gzip"


@pytest_twisted.ensureDeferred
async def test_a_folder_beside_is_no_compressed_file(files: FileSite) -> None:
    files.write("a.css", b"p {}")
    (files.root / "a.css.gz").mkdir()
    assert (await files.ask("/a.css", accept_encoding="gzip")).body == b"p {}"


@pytest_twisted.ensureDeferred
async def test_a_compressed_file_asked_for_by_its_own_name_is_an_archive(files: FileSite) -> None:
    content = files.write("a.css.gz", encode("gzip", TEXT))
    answer = await files.ask("/a.css.gz", accept_encoding="gzip")
    assert (answer.body, answer.headers["content-type"]) == (content, "application/gzip")
    assert "content-encoding" not in answer.headers


@pytest_twisted.ensureDeferred
async def test_each_version_is_compressed_once(files: FileSite, encodings: list[Coding]) -> None:
    files.write("a.txt", TEXT)
    asked = [files.ask("/a.txt", accept_encoding="br") for _ in range(5)]
    together = await defer.gatherResults([defer.Deferred.fromCoroutine(one) for one in asked])
    again = await files.ask("/a.txt", accept_encoding="br")
    assert {answer.body for answer in together} == {again.body}
    assert encodings == ["br"]
    files.write("a.txt", TEXT[:-1], TWO_DAYS_AGO + 1)
    assert decode("br", (await files.ask("/a.txt", accept_encoding="br")).body) == TEXT[:-1]
    assert encodings == ["br", "br"]


@pytest_twisted.ensureDeferred
async def test_a_file_that_may_still_be_written_is_compressed_anew(files: FileSite, encodings: list[Coding]) -> None:
    files.write("a.txt", TEXT, time.time() + 3600)
    await files.ask("/a.txt", accept_encoding="br")
    await files.ask("/a.txt", accept_encoding="br")
    assert encodings == ["br", "br"]


@contextlib.contextmanager
def opened(files: FileSite) -> Iterator[LocalFile]:
    with (files.root / "a.txt").open("rb") as file:
        yield LocalFile.of(file.fileno())


def source(name: str) -> FileVersion:
    return FileVersion("site", (name,), "1", "gzip")


@pytest_twisted.ensureDeferred
async def test_the_cache_keeps_what_was_used_last_within_its_limit(files: FileSite, encodings: list[Coding]) -> None:
    files.write("a.txt", TEXT)
    one = len(encode("gzip", TEXT)) + 600
    bodies = EncodedBodies(2 * one, files.site.services.background)
    with opened(files) as file:
        for name in ("a", "b", "a", "c", "a", "b"):
            await bodies.get(source(name), file, keep=True)
    assert len(encodings) == 4


@pytest_twisted.ensureDeferred
async def test_a_cache_without_room_keeps_nothing(files: FileSite, encodings: list[Coding]) -> None:
    files.write("a.txt", TEXT)
    bodies = EncodedBodies(0, files.site.services.background)
    with opened(files) as file:
        for _ in range(2):
            assert await bodies.get(source("a"), file, keep=True)
    assert len(encodings) == 2


@pytest_twisted.ensureDeferred
async def test_a_file_that_shrank_is_not_compressed(files: FileSite) -> None:
    files.write("a.txt", TEXT)
    bodies = EncodedBodies(10**6, files.site.services.background)
    with opened(files) as file:
        os.truncate(files.root / "a.txt", len(TEXT) - 1)
        with pytest.raises(ShortFileError):
            await bodies.get(source("a"), file, keep=True)
        files.write("a.txt", TEXT)
        assert await bodies.get(source("a"), file, keep=True)


@pytest.mark.parametrize(
    "without_effect", [{"range": "bytes=0-3", "if_range": '"z"'}, {"range": "items=0-3"}, {"range": "bytes=5-2"}]
)
@pytest_twisted.ensureDeferred
async def test_a_range_without_effect_takes_compression_from_no_one_else(
    tmp_path: Path, without_effect: dict[str, str]
) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT)
    fields = {name.replace("_", "-"): value for name, value in without_effect.items()}
    async with serving(tmp_path) as site:
        for _ in range(3):
            await site.get("/a.txt", headers={"Accept-Encoding": "br", **fields})
            assert (await site.get("/a.txt", headers={"Accept-Encoding": "br"})).headers["content-encoding"] == "br"
