"""A known script is found without a look-up behind its name too, and never where that is wrong by now."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_twisted
from site_files import write

from twistedsite.testing import ServedSite, serving


@pytest_twisted.async_yield_fixture
async def site(tmp_path: Path, looked_up: list[str]) -> AsyncIterator[ServedSite]:
    write(tmp_path, "a/page.py", "print(SCRIPT_NAME, PATH_INFO, end='')")
    async with serving(tmp_path) as served:
        yield served


PATHS = ["/a/page.py/x", "/a/page.py/x/y/", "/a/page/x", "/a/page/x%20y/"]


@pytest.mark.parametrize("path", PATHS)
@pytest_twisted.ensureDeferred
async def test_a_script_is_looked_up_once_for_each_path_behind_it(
    site: ServedSite, looked_up: list[str], path: str
) -> None:
    name = "/a/page.py" if ".py" in path else "/a/page"
    told = f"{name} {path.removeprefix(name)}".replace("%20", " ")
    assert [(await site.get(path)).text for _ in range(3)] == [told] * 3
    assert len(looked_up) == 1


def put_a_folder_of_that_name(root: Path) -> None:
    write(root, "a/page/x/index.html", "from a folder")
    write(root, "a/page/x y/index.html", "from a folder")


def put_a_folder_in_its_place(root: Path) -> None:
    (root / "a" / "page.py").unlink()
    write(root, "a/page.py/x/index.html", "from a folder")


def put_settings_beside(root: Path) -> None:
    write(root, "a/_folder.toml", "scripts = false")


def put_a_handler_above(root: Path) -> None:
    write(root, "all.py", "print('handled', end='')")
    write(root, "_folder.toml", "handler = 'all.py'")


def redirect_above(root: Path) -> None:
    write(root, "_folder.toml", "[redirects]\n" + "".join(f"'{p[1:].replace('%20', ' ')}' = '/b'\n" for p in PATHS))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "change",
    [put_a_folder_of_that_name, put_a_folder_in_its_place, put_settings_beside, put_a_handler_above, redirect_above],
    ids=lambda change: change.__name__,
)
@pytest_twisted.ensureDeferred
async def test_what_makes_another_answer_right_counts_at_once(
    site: ServedSite, tmp_path: Path, path: str, change: Callable[[Path], None]
) -> None:
    before = [(await site.get(path)).text for _ in range(2)]
    change(tmp_path)
    after = await site.get(path)
    async with serving(tmp_path) as other:
        right = await other.get(path)
    assert (after.status, after.text) == (right.status, right.text)
    named_apart = change is put_a_folder_of_that_name and ".py" in path
    assert named_apart == (after.text == before[0])


@pytest_twisted.ensureDeferred
async def test_what_a_handler_answers_is_looked_up_each_time(
    site: ServedSite, tmp_path: Path, looked_up: list[str]
) -> None:
    put_a_handler_above(tmp_path)
    assert [(await site.get("/any")).text for _ in range(2)] == ["handled"] * 2
    write(tmp_path, "any/_folder.toml", "handler = ''")
    assert (await site.get("/any/x")).status == 404
    assert looked_up == ["/any", "/any", "/any/x"]
