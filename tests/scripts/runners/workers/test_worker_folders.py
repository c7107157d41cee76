"""The temporary folders of workers: what a server that was killed has left is removed by the next one, and no more."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from server_process import ANY_PORT, SERVE, clean_environment, running

from twistedsite.scripts.runners.workers.server.folders import TemporaryFolders, remove_leftovers


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


class NoThreads:
    """A reactor that has none: what is to be removed is removed at once."""


@pytest.fixture
def folders(place: Path) -> Iterator[TemporaryFolders]:
    reactor: Any = NoThreads()
    folders = TemporaryFolders(reactor)
    yield folders
    folders.stop()


def soon(holds: Callable[[], bool]) -> bool:
    """Whether it comes to hold."""
    pause = threading.Event()
    return any(holds() or pause.wait(0.01) for _ in range(1000))


@pytest.mark.process
def test_what_a_killed_server_has_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    place, site = tmp_path / "tmp", tmp_path / "site"
    place.mkdir()
    site.mkdir()
    (site / "page.py").write_text(
        "import tempfile\nopen(tempfile.gettempdir() + '/kept', 'w').close()\nprint(tempfile.gettempdir())"
    )
    command = (*SERVE, "--root", str(site), "--isolation", "workers", *ANY_PORT)
    environment = clean_environment(TMPDIR=str(place))
    with running(*command, env=environment) as server:
        left = Path(server.get("page")[1].strip())
        server.stop(signal.SIGKILL)
    assert (left / "kept").exists()
    with running(*command, env=environment) as server:
        assert soon(lambda: not left.parent.exists())
        with running(*command, env=environment) as other:
            kept = Path(server.get("page")[1].strip())
            assert other.get("page")[0] == 200
            assert kept.exists()
            assert left.parent != kept.parent
            other.stop()
        server.stop()
    assert list(place.iterdir()) == []


def test_the_folders_of_a_server_that_runs_stay(place: Path, folders: TemporaryFolders) -> None:
    folder = folders.make()
    remove_leftovers(str(place))
    assert os.path.isdir(folder)


def test_a_server_whose_folders_were_tidied_away_goes_on(place: Path, folders: TemporaryFolders) -> None:
    shutil.rmtree(os.path.dirname(folders.make()))
    folder = folders.make()
    remove_leftovers(str(place))
    assert os.path.isdir(folder)
    folders.remove(folder)
    assert not os.path.exists(folder)


def test_only_folders_that_are_a_servers_own_are_removed(place: Path) -> None:
    (place / "outside").mkdir()
    (place / "outside" / "lock").touch()
    (place / "scriptsite-link").symlink_to(place / "outside")
    (place / "scriptsite-file").touch()
    (place / "scriptsite-empty").mkdir()
    (place / "scriptsite-linked").mkdir()
    (place / "scriptsite-linked" / "lock").symlink_to(place / "outside" / "lock")
    (place / "other-server").mkdir()
    (place / "other-server" / "lock").touch()
    before = sorted(place.rglob("*"))
    remove_leftovers(str(place))
    assert sorted(place.rglob("*")) == before


def test_a_place_that_cannot_be_read_has_nothing_to_remove(tmp_path: Path) -> None:
    remove_leftovers(str(tmp_path / "nowhere"))
