"""The order of a folder's names is kept, and a listing still tells what is there now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import pytest_twisted
from problem_site import BROWSER, ProblemSite, answering
from site_files import next_tick
from twisted.internet import reactor

from twistedsite.origins import version
from twistedsite.origins.interface import Entry, Kind, PageView
from twistedsite.origins.local import LocalOrigin
from twistedsite.origins.local_files import LocalFolder
from twistedsite.origins.sorted_names import SortedNamesCache
from twistedsite.pages import listing

FOLDER = Entry((), Kind.FOLDER)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One number for each time that the names of a folder were read; folders count as settled at once."""
    monkeypatch.setattr(version, "TICK_NS", -1)
    times: list[int] = []
    names = LocalFolder.names

    def counted(self: LocalFolder) -> list[tuple[str, Kind | None]]:
        found = names(self)
        times.append(len(found))
        return found

    monkeypatch.setattr(LocalFolder, "names", counted)
    return times


@pytest.fixture
def site(tmp_path: Path, read: list[int]) -> Iterator[ProblemSite]:
    with answering(tmp_path, reactor) as site:
        site.lists()
        (tmp_path / "b.txt").write_text("12345")
        (tmp_path / "a").mkdir()
        yield site


async def rows(site: ProblemSite, query: str = "") -> list[tuple[str, int | None]]:
    told = msgspec.json.decode((await site.ask(f"/?format=json{query}")).body)
    return [(entry["name"], entry["size"]) for entry in told["entries"]]


@pytest_twisted.ensureDeferred
async def test_names_are_read_once_while_none_comes_or_goes(site: ProblemSite, read: list[int]) -> None:
    assert [await rows(site) for _ in range(3)] == [[("a", None), ("b.txt", 5)]] * 3
    assert read == [2]


@pytest_twisted.ensureDeferred
async def test_a_file_that_grows_shows_its_new_size(site: ProblemSite, read: list[int]) -> None:
    await rows(site)
    next_tick(site.root)
    (site.root / "b.txt").write_text("123456789")
    assert await rows(site) == [("a", None), ("b.txt", 9)]
    assert read == [2]


def put_a_file(root: Path) -> None:
    (root / "a.txt").write_text("1")


def rename_a_file(root: Path) -> None:
    (root / "b.txt").rename(root / "c.txt")


def make_a_folder_of_a_file(root: Path) -> None:
    (root / "b.txt").unlink()
    (root / "b.txt").mkdir()


def remove_all(root: Path) -> None:
    (root / "b.txt").unlink()
    (root / "a").rmdir()


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (put_a_file, ["a", "a.txt", "b.txt"]),
        (rename_a_file, ["a", "c.txt"]),
        (make_a_folder_of_a_file, ["a", "b.txt"]),
        (remove_all, []),
    ],
)
@pytest_twisted.ensureDeferred
async def test_names_that_come_and_go_show_at_once(
    site: ProblemSite, change: Callable[[Path], None], names: list[str]
) -> None:
    await rows(site)
    next_tick(site.root)
    change(site.root)
    assert [name for name, _ in await rows(site)] == names


@pytest_twisted.ensureDeferred
async def test_a_link_is_followed_each_time(site: ProblemSite) -> None:
    target = site.root / "a" / "target"
    (site.root / "link").symlink_to("a/target")
    assert [name for name, _ in await rows(site)] == ["a", "b.txt"]
    target.write_text("123")
    assert await rows(site) == [("a", None), ("b.txt", 5), ("link", 3)]


@pytest_twisted.ensureDeferred
async def test_both_orders_come_from_one_reading(site: ProblemSite, read: list[int]) -> None:
    for name in ("c", "d", "e.txt"):
        (site.root / name).mkdir() if len(name) == 1 else (site.root / name).touch()
    up = [name for name, _ in await rows(site)]
    assert up == ["a", "c", "d", "b.txt", "e.txt"]
    assert [name for name, _ in await rows(site, "&order=desc")] == ["d", "c", "a", "e.txt", "b.txt"]
    assert len(read) == 1


@pytest_twisted.ensureDeferred
async def test_of_several_pages_only_the_files_shown_are_looked_at(
    site: ProblemSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE_SIZE", 2)
    (site.root / "c.txt").write_text("1")
    looked_at: list[str] = []
    entries = LocalFolder.entries

    def noted(self: LocalFolder, names: list[str]) -> list[Entry]:
        looked_at.extend(names)
        return entries(self, names)

    monkeypatch.setattr(LocalFolder, "entries", noted)
    told = msgspec.json.decode((await site.ask("/?format=json&page=2")).body)
    assert (told["page"], told["pages"], told["files"], told["folders"], told["size"]) == (2, 2, 2, 1, None)
    assert looked_at == ["c.txt"]
    assert "1 folder, 2 files. Times" in (await site.ask("/", accept=BROWSER)).body.decode()
    assert "2 files, 6 B. Times" not in (await site.ask("/?sort=size", accept=BROWSER)).body.decode()


def test_a_folder_that_has_changed_a_moment_ago_is_read_again(tmp_path: Path) -> None:
    origin = LocalOrigin(str(tmp_path))
    for number in range(5):
        (tmp_path / str(number)).touch()
        page = origin.list_page(FOLDER, PageView())
        assert [entry.name for entry in page.entries] == [str(n) for n in range(number + 1)]


def test_what_is_kept_is_bounded(tmp_path: Path, read: list[int]) -> None:
    origin = LocalOrigin(str(tmp_path), sorted_names=SortedNamesCache(limit=20))
    for name in "abc":
        (tmp_path / name).mkdir()
        for number in range(8):
            (tmp_path / name / str(number)).touch()
    for name in "abcbca":
        origin.list_page(Entry((name,), Kind.FOLDER), PageView())
    assert len(read) == 4
