"""Scripts whose place is known are found without a look-up, and never where another answer has become the right one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_twisted

from twistedsite.testing import ServedSite, serving


@pytest_twisted.async_yield_fixture
async def site(tmp_path: Path, looked_up: list[str]) -> AsyncIterator[ServedSite]:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "page.py").write_text("print(request.get('q'), SCRIPT_NAME, end='')")
    (tmp_path / "a" / "index.py").write_text("print('index', end='')")
    async with serving(tmp_path) as served:
        yield served


@pytest.mark.parametrize("path", ["/a/page.py", "/a/page", "/a/"])
@pytest_twisted.ensureDeferred
async def test_a_script_is_looked_up_once(site: ServedSite, looked_up: list[str], path: str) -> None:
    answers = [(await site.get(f"{path}?q={number}")).status for number in range(3)]
    assert answers == [200, 200, 200]
    assert looked_up == [path]


@pytest_twisted.ensureDeferred
async def test_each_request_is_told_its_own_query(site: ServedSite) -> None:
    assert [(await site.get(f"/a/page.py?q={n}")).text for n in (1, 2)] == [
        "['1'] /a/page.py",
        "['2'] /a/page.py",
    ]


def edit(root: Path) -> None:
    (root / "a" / "page.py").write_text("print('edited', end='')")


def put_settings_beside(root: Path) -> None:
    (root / "a" / "_folder.toml").write_text("scripts = false")


def put_settings_above(root: Path) -> None:
    (root / "_folder.toml").write_text("[redirects]\n'a/page.py' = '/elsewhere'\n'a/page' = '/elsewhere'\n'a/' = '/b'")


def put_a_link_in_place_of_the_folder(root: Path) -> None:
    (root / "a").rename(root.parent / f"away-{root.name}")
    (root / "a").symlink_to(root.parent / f"away-{root.name}")


def remove(root: Path) -> None:
    (root / "a" / "page.py").unlink()


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        (edit, 200, "edited"),
        (put_settings_beside, 200, "print("),
        (put_settings_above, 302, "See /elsewhere"),
        (put_a_link_in_place_of_the_folder, 403, "403"),
        (remove, 404, "404"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_changes_on_the_way_shows_in_the_next_answer(
    site: ServedSite, tmp_path: Path, change: Callable[[Path], None], status: int, text: str
) -> None:
    await site.get("/a/page.py")
    change(tmp_path)
    answer = await site.get("/a/page.py")
    assert (answer.status, answer.text[: len(text)]) == (status, text)


@pytest_twisted.ensureDeferred
async def test_a_file_of_the_very_name_takes_the_place_of_a_script_without_its_extension(
    site: ServedSite, tmp_path: Path
) -> None:
    await site.get("/a/page")
    (tmp_path / "a" / "page").write_text("the file itself")
    assert (await site.get("/a/page")).text == "the file itself"


@pytest_twisted.ensureDeferred
async def test_a_better_index_takes_the_place_of_the_known_one(site: ServedSite, tmp_path: Path) -> None:
    await site.get("/a/")
    (tmp_path / "a" / "index.py").rename(tmp_path / "a" / "index.txt")
    assert (await site.get("/a/")).text == "print('index', end='')"


@pytest_twisted.ensureDeferred
async def test_a_script_that_has_changed_a_moment_ago_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text("print('1')")
    async with serving(tmp_path) as site:
        for text in ("1", "2", "3"):
            (tmp_path / "page.py").write_text(f"print({text}, end='')")
            os.utime(tmp_path / "page.py", (0, 0))
            assert (await site.get("/page.py")).text == text
