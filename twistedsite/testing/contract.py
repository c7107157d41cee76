"""What every origin must do, as tests by pytest. Whoever writes an origin makes a subclass with a fixture `origin`:

    class TestMyOrigin(OriginContract):
        @pytest.fixture
        def origin(self) -> Origin:
            return my_origin_with(OriginContract.FILES)

Needs what `pip install twistedsite[test]` brings.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import ClassVar, TypeVar

import pytest
import pytest_twisted

from twistedsite.origins.interface import (
    ABSENT,
    ConflictError,
    Entry,
    GoneError,
    Kind,
    MaybeDeferred,
    Origin,
    PageView,
    Path,
    Validity,
    await_if_deferred,
)

T = TypeVar("T")

PAGE: Path = ("page.html",)
FOLDER: Path = ("folder",)
INNER: Path = ("folder", "inner.txt")
MISSING: Path = ("folder", "missing.txt")


class OriginContract:
    """See this module. `origin` holds `FILES` and nothing else."""

    FILES: ClassVar[Mapping[str, str]] = {
        "page.html": "hello",
        "folder/inner.txt": "inner",
        "folder/a10.txt": "10 bytes..",
        "folder/A9.txt": "9",
        "folder/below/deep.txt": "deep",
        "folder/_private.json": "{}",
        "folder/.hidden": "hidden",
    }

    @pytest.fixture
    def origin(self) -> Origin:
        """The origin that is tested."""
        raise NotImplementedError

    async def entry(self, origin: Origin, path: Path) -> Entry:
        """What stands at `path`, where something must."""
        (found,) = await await_if_deferred(origin.lookup_many([path]))
        assert found is not None
        return found

    async def content(self, origin: Origin, path: Path) -> bytes:
        """The content of the file `path`."""
        return await await_if_deferred(origin.read(await self.entry(origin, path), 1_000_000))

    async def validity(self, origin: Origin, *paths: Path) -> Validity | None:
        """That of what is found at `paths`."""
        found = await await_if_deferred(origin.lookup_many(paths))
        return origin.validity(dict(zip(paths, found, strict=True)))

    async def failure(self, answer: MaybeDeferred[object]) -> None:
        """Wait for `answer`, so that what it raises is raised here."""
        await await_if_deferred(answer)

    # Looking up

    @pytest_twisted.ensureDeferred
    async def test_look_ups_are_answered_in_their_order(self, origin: Origin) -> None:
        found = await await_if_deferred(origin.lookup_many([MISSING, PAGE, (), FOLDER, (*PAGE, "below"), PAGE]))
        kinds = [None if entry is None else entry.kind for entry in found]
        assert kinds == [None, Kind.FILE, Kind.FOLDER, Kind.FOLDER, None, Kind.FILE]
        page = found[1]
        assert page is not None
        assert (page.path, page.name, page.size) == (PAGE, "page.html", 5)
        assert page.version
        assert await await_if_deferred(origin.lookup_many([])) == []

    @pytest_twisted.ensureDeferred
    async def test_names_are_matched_exactly(self, origin: Origin) -> None:
        assert await await_if_deferred(origin.lookup_many([("Page.html",), ("page.html ",)])) == [None, None]

    @pytest_twisted.ensureDeferred
    async def test_the_children_of_a_folder_are_all_that_is_in_it(self, origin: Origin) -> None:
        children = await await_if_deferred(origin.children(await self.entry(origin, FOLDER)))
        names = {child.name for child in children}
        assert names == {"inner.txt", "a10.txt", "A9.txt", "below", "_private.json", ".hidden"}
        assert {child.path[:-1] for child in children} == {FOLDER}

    @pytest.mark.parametrize(
        ("view", "names"),
        [
            (PageView(), ["below", "A9.txt", "a10.txt", "inner.txt"]),
            (PageView(descending=True), ["below", "inner.txt", "a10.txt", "A9.txt"]),
            (PageView(sort="size"), ["below", "A9.txt", "inner.txt", "a10.txt"]),
            (PageView(sort="size", descending=True), ["below", "a10.txt", "inner.txt", "A9.txt"]),
            (PageView(page=2, size=3), ["inner.txt"]),
            (PageView(page=9, size=3), ["inner.txt"]),
        ],
    )
    @pytest_twisted.ensureDeferred
    async def test_a_page_of_a_listing_is_sorted_and_shows_what_may_be_served(
        self, origin: Origin, view: PageView, names: list[str]
    ) -> None:
        page = await await_if_deferred(origin.list_page(await self.entry(origin, FOLDER), view))
        assert [entry.name for entry in page.entries] == names
        assert (page.folders, page.files, page.pages) == (1, 3, -(-4 // view.size))

    # Reading

    @pytest_twisted.ensureDeferred
    async def test_a_file_is_read_whole_or_in_parts(self, origin: Origin) -> None:
        entry = await self.entry(origin, PAGE)
        file = await await_if_deferred(origin.open(entry))
        copy = file.duplicate()
        assert (file.size, file.version, file.mtime) == (entry.size, entry.version, entry.mtime)
        file.close()
        file.close()
        parts = [await await_if_deferred(copy.read(*part)) for part in ((0, 99), (1, 3), (5, 1))]
        assert parts == [b"hello", b"ell", b""]
        assert copy.read_now(1, 3) in (b"ell", None)
        copy.close()
        assert await self.content(origin, PAGE) == b"hello"

    @pytest_twisted.ensureDeferred
    async def test_what_is_not_there_any_more_is_gone(self, origin: Origin) -> None:
        page, folder = await self.entry(origin, PAGE), await self.entry(origin, FOLDER)
        await await_if_deferred(origin.delete(PAGE))
        await await_if_deferred(origin.delete(FOLDER))
        with pytest.raises(GoneError):
            await self.failure(origin.open(page))
        with pytest.raises(GoneError):
            await self.failure(origin.read(page, 100))
        with pytest.raises(GoneError):
            await self.failure(origin.children(folder))
        with pytest.raises(GoneError):
            await self.failure(origin.list_page(folder, PageView()))

    @pytest_twisted.ensureDeferred
    async def test_a_folder_is_no_file_and_a_small_file_no_larger_than_said(self, origin: Origin) -> None:
        folder, page = await self.entry(origin, FOLDER), await self.entry(origin, PAGE)
        with pytest.raises(GoneError):
            await self.failure(origin.open(folder))
        with pytest.raises(GoneError):
            await self.failure(origin.children(page))
        with pytest.raises(GoneError):
            await self.failure(origin.read(page, 4))

    # Validity

    @pytest_twisted.ensureDeferred
    async def test_validity_holds_until_something_changes_that_was_looked_up(self, origin: Origin) -> None:
        validity = await self.validity(origin, PAGE, FOLDER, INNER, MISSING)
        if validity is None:
            pytest.fail("the origin cannot tell whether what was made from files still holds: nothing would be kept")
        assert [validity.holds() for _ in range(3)] == [True] * 3
        await await_if_deferred(origin.write(INNER, b"INNER"))
        assert not validity.holds()

    @pytest_twisted.ensureDeferred
    async def test_validity_ends_when_a_name_comes_that_was_missed_or_goes(self, origin: Origin) -> None:
        missed, there = await self.validity(origin, MISSING), await self.validity(origin, INNER)
        assert missed is not None
        assert there is not None
        await await_if_deferred(origin.write(MISSING, b"here"))
        assert (missed.holds(), there.holds()) == (False, True)
        await await_if_deferred(origin.delete(INNER))
        assert not there.holds()

    @pytest_twisted.ensureDeferred
    async def test_nothing_depends_on_nothing_or_on_what_has_changed(self, origin: Origin) -> None:
        assert origin.validity({}) is None
        before = await self.entry(origin, PAGE)
        await await_if_deferred(origin.write(PAGE, b"other"))
        assert origin.validity({PAGE: before}) is None
        assert origin.validity({PAGE: None}) is None

    # Changing

    @pytest_twisted.ensureDeferred
    async def test_each_write_makes_another_version(self, origin: Origin) -> None:
        versions = {(await self.entry(origin, PAGE)).version}
        contents: list[bytes | io.BytesIO] = [b"one", io.BytesIO(b"two"), b"longer"]
        for content in contents:
            written = await await_if_deferred(origin.write(PAGE, content))
            assert written == await self.entry(origin, PAGE)
            versions.add(written.version)
        assert len(versions) == 4
        assert await self.content(origin, PAGE) == b"longer"

    @pytest_twisted.ensureDeferred
    async def test_a_write_makes_the_folders_above_it(self, origin: Origin) -> None:
        await await_if_deferred(origin.write(("new", "deep", "file"), b"x"))
        assert (await self.entry(origin, ("new", "deep"))).kind is Kind.FOLDER

    @pytest_twisted.ensureDeferred
    async def test_who_expects_another_version_changes_nothing(self, origin: Origin) -> None:
        entry = await self.entry(origin, PAGE)
        await await_if_deferred(origin.write(PAGE, b"theirs", entry.version))
        for expected in (entry.version, ABSENT):
            with pytest.raises(ConflictError):
                await self.failure(origin.write(PAGE, b"ours", expected))
            with pytest.raises(ConflictError):
                await self.failure(origin.delete(PAGE, expected))
        assert await self.content(origin, PAGE) == b"theirs"
        await await_if_deferred(origin.write(MISSING, b"first", ABSENT))
        assert await self.content(origin, MISSING) == b"first"

    @pytest_twisted.ensureDeferred
    async def test_a_change_that_is_impossible_says_why_and_where(self, origin: Origin) -> None:
        with pytest.raises(IsADirectoryError, match=r"'/folder'"):
            await self.failure(origin.write(FOLDER, b""))
        with pytest.raises(FileExistsError, match=r"'/folder'"):
            await self.failure(origin.make_folder(FOLDER))
        with pytest.raises(FileNotFoundError, match=r"'/folder/missing.txt'"):
            await self.failure(origin.delete(MISSING))
        with pytest.raises(NotADirectoryError, match=r"'/page.html"):
            await self.failure(origin.write((*PAGE, "below"), b""))
        with pytest.raises(PermissionError):
            await self.failure(origin.delete(()))

    @pytest_twisted.ensureDeferred
    async def test_what_is_written_counts_as_used(self, origin: Origin) -> None:
        before = await await_if_deferred(origin.usage())
        await await_if_deferred(origin.write(("big",), b"x" * 10_000))
        await await_if_deferred(origin.make_folder(("made",)))
        assert await await_if_deferred(origin.usage()) >= before + 10_000
        await await_if_deferred(origin.delete(("big",)))
        await await_if_deferred(origin.delete(("made",)))
        assert await await_if_deferred(origin.usage()) == before

    @pytest_twisted.ensureDeferred
    async def test_a_feed_of_changes_names_what_has_changed(self, origin: Origin) -> None:
        if origin.changes is None:
            return
        told: list[Path] = []
        end = origin.changes.subscribe(told.extend)
        await await_if_deferred(origin.write(PAGE, b"changed"))
        assert PAGE in told
        end()
        told.clear()
        await await_if_deferred(origin.delete(PAGE))
        assert told == []
