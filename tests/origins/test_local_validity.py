"""What was made from files holds as long as look-ups would find the same, and not longer."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from site_files import next_tick, write

from twistedsite.origins import version
from twistedsite.origins.interface import Validity
from twistedsite.origins.local import LocalOrigin

FOUND = [("_folder.toml",), ("folder", "_folder.toml"), ("folder",), ("folder", "page.html")]
MISSED = [("folder", "missing"), ("folder", "missing.py"), ("_errors", "404.html"), ("folder", "page.html", "below")]


@pytest.fixture(autouse=True)
def settled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "TICK_NS", -1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    write(root, "folder/page.html", "hello")
    write(root, "folder/_folder.toml")
    return root


def validity(root: Path, *paths: tuple[str, ...]) -> Validity | None:
    origin = LocalOrigin(str(root))
    return origin.validity(dict(zip(paths, origin.lookup_many(paths), strict=True)))


@pytest.mark.parametrize("paths", [FOUND, MISSED, FOUND + MISSED, MISSED + FOUND])
def test_it_holds_while_nothing_changes(root: Path, paths: list[tuple[str, ...]]) -> None:
    found = validity(root, *paths)
    assert found is not None
    assert [found.holds() for _ in range(3)] == [True] * 3


def rewrite(root: Path) -> None:
    (root / "folder" / "page.html").write_text("HELLO")


def replace(root: Path) -> None:
    write(root, "new", "HELLO").rename(root / "folder" / "page.html")


def hide(root: Path) -> None:
    (root / "folder" / "page.html").chmod(0o600)


def remove(root: Path) -> None:
    (root / "folder" / "page.html").unlink()


def edit_settings(root: Path) -> None:
    (root / "folder" / "_folder.toml").write_text("listing = true")


def put_settings_above(root: Path) -> None:
    write(root, "_folder.toml")


def replace_the_folder(root: Path) -> None:
    (root / "folder").rename(root / "other")
    (root / "folder").mkdir()
    os.link(root / "other" / "page.html", root / "folder" / "page.html")


def replace_the_folder_by_a_link(root: Path) -> None:
    (root / "folder").rename(root / "other")
    (root / "folder").symlink_to("other")


def replace_the_root(root: Path) -> None:
    root.rename(root.with_name("old"))
    root.mkdir()


@pytest.mark.parametrize(
    "change",
    [
        rewrite,
        replace,
        hide,
        remove,
        edit_settings,
        put_settings_above,
        replace_the_folder,
        replace_the_folder_by_a_link,
        replace_the_root,
    ],
)
def test_what_was_found_shows_when_it_changes(root: Path, change: Callable[[Path], None]) -> None:
    found = validity(root, *FOUND)
    next_tick(root)
    change(root)
    assert found is not None
    assert not found.holds()


@pytest.mark.parametrize(
    "name", ["folder/missing", "folder/missing.py", "folder/missing/inner", "_errors/404.html", "_errors/other"]
)
def test_what_was_not_there_shows_when_it_comes(root: Path, name: str) -> None:
    missed = validity(root, *MISSED)
    next_tick(root)
    write(root, name)
    assert missed is not None
    assert not missed.holds()


def test_a_link_that_leads_nowhere_comes_too(root: Path) -> None:
    missed = validity(root, *MISSED)
    next_tick(root)
    (root / "folder" / "missing").symlink_to("nowhere")
    assert missed is not None
    assert not missed.holds()


def test_other_names_may_come_and_go(root: Path) -> None:
    found = validity(root, *FOUND, *MISSED)
    assert found is not None
    for number in range(3):
        next_tick(root)
        write(root, f"folder/other{number}")
        assert found.holds()
    write(root, "folder/missing")
    assert not found.holds()


def test_a_root_that_is_missing_and_nothing_at_all_prove_nothing(tmp_path: Path) -> None:
    assert validity(tmp_path / "nowhere", ("page.html",)) is None
    assert validity(tmp_path / "nowhere", ()) is None
    assert validity(tmp_path) is None


def test_what_is_reached_by_a_link_proves_nothing(root: Path) -> None:
    (root / "link").symlink_to("folder")
    (root / "page").symlink_to("folder/page.html")
    (root / "dangling").symlink_to("nowhere")
    for path in [("link",), ("link", "page.html"), ("page",), ("dangling",), ("link", "missing")]:
        assert validity(root, path) is None


def test_what_has_changed_since_it_was_looked_up_proves_nothing(root: Path) -> None:
    origin = LocalOrigin(str(root))
    paths = [*FOUND, *MISSED]
    found = dict(zip(paths, origin.lookup_many(paths), strict=True))
    write(root, "folder/missing")
    assert origin.validity(found) is None
    (root / "folder" / "missing").unlink()
    assert origin.validity(found) is not None
    (root / "folder" / "page.html").unlink()
    assert origin.validity(found) is None


def test_what_was_changed_a_moment_ago_proves_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "TICK_NS", 10**18)
    entry = LocalOrigin(str(root)).lookup_many([("folder", "page.html")])[0]
    assert entry is not None
    assert not entry.settled
    assert validity(root, ("folder", "page.html")) is None
    assert validity(root, ("missing",)) is None
