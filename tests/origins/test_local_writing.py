"""Writing into the folder on this machine's disk: all or nothing, in the expected version only, and never outside."""

from __future__ import annotations

import ctypes
import io
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from twistedsite.origins import local_writing
from twistedsite.origins.interface import ABSENT, BLOCK, ConflictError, Kind
from twistedsite.origins.local import LocalOrigin

AT_FDCWD, RENAME_EXCHANGE = -100, 2


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "site").mkdir()
    (tmp_path / "outside").mkdir()
    return tmp_path / "site"


@pytest.fixture
def origin(root: Path) -> LocalOrigin:
    return LocalOrigin(str(root))


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_what_is_written_is_there_with_its_folders(origin: LocalOrigin, root: Path) -> None:
    entry = origin.write(("a", "b", "c.txt"), b"one")
    assert [entry] == origin.lookup_many([("a", "b", "c.txt")])
    assert (root / "a/b/c.txt").read_bytes() == b"one"
    assert names(root / "a/b") == ["c.txt"]
    assert origin.write(("a", "b", "c.txt"), io.BytesIO(b"another")).size == 7
    assert (root / "a/b/c.txt").read_bytes() == b"another"


def test_a_replaced_file_keeps_its_mode_but_no_special_bits(origin: LocalOrigin, root: Path) -> None:
    (root / "a").touch()
    os.chmod(root / "a", 0o4640)
    origin.write(("a",), b"x")
    assert os.stat(root / "a").st_mode & 0o7777 == 0o640


@pytest.mark.parametrize(
    ("mode", "folder", "file"),
    [
        (0o755, 0o755, 0o644),
        (0o700, 0o700, 0o600),
        (0o2775, 0o2775, 0o664),
        (0o777, 0o775, 0o664),
        (0o750, 0o750, 0o640),
    ],
)
def test_what_is_new_has_the_rights_of_the_folder_it_is_in(
    origin: LocalOrigin, root: Path, mode: int, folder: int, file: int
) -> None:
    os.chmod(root, mode)
    before = os.umask(0o077)
    try:
        origin.write(("a", "b"), b"x")
        origin.make_folder(("c",))
    finally:
        os.umask(before)
    rights = [os.stat(root / name).st_mode & 0o7777 for name in ("a", "c", "a/b")]
    assert rights == [folder, folder, file]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_is_new_belongs_to_whom_its_folder_belongs_to(origin: LocalOrigin, root: Path) -> None:
    os.chown(root, 12345, 23456)
    origin.write(("a", "b"), b"x")
    (root / "theirs").touch()
    os.chown(root / "theirs", 34567, 34567)
    origin.write(("theirs",), b"x")
    owners = [(os.stat(root / name).st_uid, os.stat(root / name).st_gid) for name in ("a", "a/b", "theirs")]
    assert owners == [(12345, 23456), (12345, 23456), (34567, 34567)]


def test_whoever_has_the_old_file_open_keeps_it_whole(origin: LocalOrigin, root: Path) -> None:
    (root / "a").write_text("old")
    with open(root / "a") as reading:
        origin.write(("a",), b"new and longer")
        assert reading.read() == "old"


def test_a_write_that_fails_leaves_what_was_there_and_nothing_else(
    origin: LocalOrigin, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "a").write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '/a'"):
        origin.write(("a",), b"new")
    assert (root / "a").read_text() == "old"
    assert names(root) == ["a"]


def test_only_the_expected_version_is_replaced(origin: LocalOrigin, root: Path) -> None:
    first = origin.write(("a",), b"1", ABSENT)
    second = origin.write(("a",), b"2", first.version)
    for expected in (ABSENT, first.version):
        with pytest.raises(ConflictError, match="somebody else has changed it: '/a'"):
            origin.write(("a",), b"3", expected)
        with pytest.raises(ConflictError):
            origin.delete(("a",), expected)
    assert (root / "a").read_bytes() == b"2"
    assert names(root) == ["a"]
    origin.delete(("a",), second.version)
    assert names(root) == []


def test_of_many_who_replace_one_version_one_wins(origin: LocalOrigin) -> None:
    version = origin.write(("a",), b"").version
    start = threading.Barrier(8)

    def replace(number: int) -> bool:
        start.wait()
        try:
            origin.write(("a",), b"%d" % number, version)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(replace, range(8))).count(True) == 1


def test_folders_are_made_and_removed_with_what_is_in_them(origin: LocalOrigin, root: Path) -> None:
    assert origin.make_folder(("a", "b")).kind is Kind.FOLDER
    with pytest.raises(FileExistsError):
        origin.make_folder(("a", "b"))
    origin.write(("a", "b", "c"), b"x")
    origin.delete(("a",))
    assert names(root) == []
    with pytest.raises(FileNotFoundError, match="'/a'"):
        origin.delete(("a",))


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ((), PermissionError),
        (("folder",), IsADirectoryError),
        (("file", "below"), NotADirectoryError),
        (("read-only",), PermissionError),
        (("fifo",), PermissionError),
        (("x" * 256,), OSError),
    ],
)
def test_what_cannot_be_written_says_so(
    origin: LocalOrigin, root: Path, path: tuple[str, ...], error: type[OSError]
) -> None:
    (root / "folder").mkdir()
    (root / "file").write_text("kept")
    (root / "read-only").write_text("kept")
    os.chmod(root / "read-only", 0o444)
    os.mkfifo(root / "fifo")
    before = names(root)
    with pytest.raises(error) as caught:
        origin.write(path, b"x")
    assert str(root) not in str(caught.value)
    assert names(root) == before
    assert (root / "read-only").read_text() == (root / "file").read_text() == "kept"


@pytest.mark.parametrize("target", ["../outside", "{outside}", "inside", "."])
def test_nothing_is_written_or_removed_through_a_linked_folder(root: Path, origin: LocalOrigin, target: str) -> None:
    outside = root.parent / "outside"
    (outside / "victim").write_text("kept")
    (root / "inside").mkdir()
    (root / "inside" / "victim").write_text("kept")
    (root / "link").symlink_to(target.format(outside=outside))
    for act in (
        lambda: origin.write(("link", "victim"), b"x"),
        lambda: origin.write(("link", "new", "file"), b"x"),
        lambda: origin.make_folder(("link", "new")),
        lambda: origin.delete(("link", "victim")),
    ):
        with pytest.raises(PermissionError, match="nothing is written through a symbolic link"):
            act()
    assert names(outside) == names(root / "inside") == ["victim"]
    assert (outside / "victim").read_text() == "kept"


def test_a_linked_file_is_not_written_through_and_only_the_link_is_removed(root: Path, origin: LocalOrigin) -> None:
    victim = root.parent / "outside" / "victim"
    victim.write_text("kept")
    (root / "link").symlink_to(victim)
    (root / "hanging").symlink_to(root.parent / "outside" / "new")
    for name in ("link", "hanging"):
        with pytest.raises(PermissionError, match="nothing is written through a symbolic link"):
            origin.write((name,), b"x")
        origin.delete((name,))
    assert names(root) == []
    assert names(victim.parent) == ["victim"]
    assert victim.read_text() == "kept"


def test_a_folder_is_removed_without_what_its_links_lead_to(root: Path, origin: LocalOrigin) -> None:
    (root.parent / "outside" / "victim").write_text("kept")
    (root / "a").mkdir()
    (root / "a" / "link").symlink_to(root.parent / "outside")
    origin.delete(("a",))
    assert names(root) == []
    assert names(root.parent / "outside") == ["victim"]


def test_a_folder_that_becomes_a_link_meanwhile_leads_nowhere(root: Path, origin: LocalOrigin) -> None:
    outside = root.parent / "outside"
    (root / "real").mkdir()
    (root / "parked").symlink_to(outside)
    stop = threading.Event()

    def swap() -> None:
        # `real` is by turns a folder and a link that leads outside; there is no moment at which it is neither.
        libc = ctypes.CDLL(None)
        while not stop.is_set():
            libc.renameat2(
                AT_FDCWD, os.fsencode(root / "real"), AT_FDCWD, os.fsencode(root / "parked"), RENAME_EXCHANGE
            )

    swapping = threading.Thread(target=swap)
    swapping.start()
    written = refused = 0
    until = time.monotonic() + 20
    try:
        while (not written or not refused or written + refused < 500) and time.monotonic() < until:
            try:
                origin.write(("real", "file"), b"x")
                origin.delete(("real", "file"))
                written += 1
            except OSError:
                refused += 1
    finally:
        stop.set()
        swapping.join()
    assert written
    assert refused
    assert names(outside) == []


def test_usage_counts_whole_blocks_and_clears_what_a_crash_has_left_behind(root: Path, origin: LocalOrigin) -> None:
    empty = origin.usage()
    (root / "a").write_bytes(b"x" * (BLOCK + 1))
    assert origin.usage() == empty + 3 * BLOCK
    for name, age in (("old", 3600), ("new", 0)):
        path = root / (local_writing.TEMPORARY + name)
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    (root / "link").symlink_to(root)
    origin.usage()
    assert names(root) == [local_writing.TEMPORARY + "new", "a", "link"]
