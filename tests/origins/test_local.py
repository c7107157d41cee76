from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from descriptors import open_descriptors
from site_files import write

from twistedsite.origins.interface import Entry, GoneError, Kind, OriginError, PageView, UnreadableError
from twistedsite.origins.local import LocalOrigin


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    write(root, "page.html", "hello")
    write(root, "folder/inner.txt", "inner")
    write(tmp_path, "secret.txt", "secret")
    return root


@pytest.fixture
def origin(root: Path) -> LocalOrigin:
    return LocalOrigin(str(root))


def found_at(origin: LocalOrigin, *path: str) -> Entry | None:
    return origin.lookup_many([path])[0]


def entry_at(origin: LocalOrigin, *path: str) -> Entry:
    entry = found_at(origin, *path)
    assert entry is not None
    return entry


def test_a_file_has_its_size_time_and_version(origin: LocalOrigin, root: Path) -> None:
    os.utime(root / "page.html", (1_600_000_000, 1_600_000_000))
    entry = entry_at(origin, "page.html")
    assert (entry.name, entry.kind, entry.size, entry.mtime) == ("page.html", Kind.FILE, 5, 1_600_000_000)
    assert entry.version


def test_the_root_is_a_folder_without_a_name(origin: LocalOrigin) -> None:
    entry = entry_at(origin)
    assert (entry.name, entry.kind, entry.size) == ("", Kind.FOLDER, 0)


def test_names_are_matched_exactly(origin: LocalOrigin) -> None:
    paths = [("Page.html",), ("page.html", "more"), ("x" * 300,), tuple("x" * 200 for _ in range(40))]
    assert origin.lookup_many(paths) == [None] * 4


def test_a_root_given_by_a_link_is_the_folder_that_it_leads_to(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    origin = LocalOrigin(str(tmp_path / "link"))
    assert origin.root == str(root)
    assert entry_at(origin, "page.html").kind is Kind.FILE


@pytest.mark.parametrize(
    ("target", "inside", "none"),
    [
        ("page.html", Kind.FILE, Kind.OUTSIDE),
        ("folder", Kind.FOLDER, Kind.OUTSIDE),
        (".", Kind.FOLDER, Kind.OUTSIDE),
        ("../secret.txt", Kind.OUTSIDE, Kind.OUTSIDE),
        ("..", Kind.OUTSIDE, Kind.OUTSIDE),
        ("/etc/passwd", Kind.OUTSIDE, Kind.OUTSIDE),
        ("/dev/null", Kind.OUTSIDE, Kind.OUTSIDE),
        ("../site-two", Kind.OUTSIDE, Kind.OUTSIDE),
        ("../site/page.html", Kind.FILE, Kind.OUTSIDE),
    ],
)
def test_links_are_followed_inside_the_site_only_or_not_at_all(
    root: Path, tmp_path: Path, target: str, inside: Kind, none: Kind
) -> None:
    (tmp_path / "site-two").mkdir()
    (root / "link").symlink_to(target)
    (root / "link-to-link").symlink_to("link")
    for name in ("link", "link-to-link"):
        assert entry_at(LocalOrigin(str(root)), name).kind is inside
        assert entry_at(LocalOrigin(str(root), "none"), name).kind is none


def test_a_loop_of_links_and_one_that_leads_nowhere_are_nothing(origin: LocalOrigin, root: Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    (root / "c").symlink_to("nowhere")
    assert origin.lookup_many([("a",), ("b",), ("c",)]) == [None, None, None]


def test_a_fifo_and_a_device_are_seen_and_never_opened(origin: LocalOrigin, root: Path) -> None:
    os.mkfifo(root / "fifo")
    os.mknod(root / "null", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    for name in ("fifo", "null"):
        entry = entry_at(origin, name)
        assert entry.kind is Kind.SPECIAL
        with pytest.raises(GoneError):
            origin.open(entry)


def test_the_children_of_a_folder_are_all_its_names(origin: LocalOrigin, root: Path) -> None:
    write(root, ".hidden")
    write(root, "_private")
    (root / "out").symlink_to("../secret.txt")
    kinds = {child.name: child.kind for child in origin.children(entry_at(origin))}
    assert kinds == {
        "page.html": Kind.FILE,
        "folder": Kind.FOLDER,
        ".hidden": Kind.FILE,
        "_private": Kind.FILE,
        "out": Kind.OUTSIDE,
    }
    assert [child.path for child in origin.children(entry_at(origin, "folder"))] == [("folder", "inner.txt")]


def test_a_folder_that_is_gone_has_no_children(origin: LocalOrigin, root: Path) -> None:
    entry = entry_at(origin, "folder")
    (root / "folder").rename(root / "moved")
    with pytest.raises(GoneError):
        origin.children(entry)


def test_an_open_file_tells_what_it_will_give(origin: LocalOrigin) -> None:
    entry = entry_at(origin, "page.html")
    file = origin.open(entry)
    assert (file.size, file.mtime, file.version) == (entry.size, entry.mtime, entry.version)
    assert os.read(file.fileno(), 100) == b"hello"
    descriptor = file.fileno()
    file.close()
    file.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


@pytest.mark.parametrize(
    "meddle",
    [
        Path.unlink,
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: (path.unlink(), os.mkfifo(path)),
        lambda path: (path.unlink(), path.symlink_to("../secret.txt")),
    ],
    ids=["deleted", "a folder now", "a FIFO now", "a link to the outside now"],
)
def test_what_changed_after_lookup_is_not_opened(
    origin: LocalOrigin, root: Path, meddle: Callable[[Path], object]
) -> None:
    entry = entry_at(origin, "page.html")
    meddle(root / "page.html")
    with pytest.raises(GoneError):
        origin.open(entry)
    with pytest.raises(GoneError):
        origin.read(entry, 100)


def test_a_file_is_read_up_to_the_limit_and_not_beyond(origin: LocalOrigin) -> None:
    entry = entry_at(origin, "page.html")
    assert origin.read(entry, 5) == b"hello"
    with pytest.raises(GoneError):
        origin.read(entry, 4)


def next_tick(path: Path) -> None:
    """Wait until the file system's clock has moved on since `path` was changed."""
    probe = path.parent.with_name("probe")
    probe.touch()
    while probe.stat().st_ctime_ns <= path.stat().st_ctime_ns:
        probe.touch()


def rewritten(path: Path) -> None:
    path.write_text("HELLO")


def replaced(path: Path) -> None:
    other = write(path.parent, "new", "HELLO")
    os.utime(other, ns=(path.stat().st_mtime_ns,) * 2)
    other.rename(path)


def rewritten_with_its_old_time(path: Path) -> None:
    before = path.stat().st_mtime_ns
    path.write_text("HELLO")
    os.utime(path, ns=(before, before))


@pytest.mark.parametrize("change", [rewritten, replaced, rewritten_with_its_old_time])
def test_the_version_changes_with_every_change_of_content(
    origin: LocalOrigin, root: Path, change: Callable[[Path], None]
) -> None:
    os.utime(root / "page.html", (1_600_000_000, 1_600_000_000))
    before = entry_at(origin, "page.html")
    next_tick(root / "page.html")
    change(root / "page.html")
    after = entry_at(origin, "page.html")
    assert after.size == before.size
    assert after.version != before.version


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.ENOMEM])
def test_what_the_machine_cannot_do_is_no_absence(
    origin: LocalOrigin, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    page, folder = entry_at(origin, "page.html"), entry_at(origin, "folder")

    def failing(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number), "/some/where")

    monkeypatch.setattr(os, "open", failing)
    for asked in (
        lambda: origin.lookup_many([("page.html",)]),
        lambda: origin.open(page),
        lambda: origin.read(page, 100),
        lambda: origin.children(folder),
        lambda: origin.list_page(folder, PageView()),
    ):
        with pytest.raises(OriginError) as caught:
            asked()
        assert caught.value.errno == number
        assert "/some/where" not in str(caught.value)


def test_no_descriptor_is_left_open(origin: LocalOrigin, root: Path) -> None:
    (root / "out").symlink_to("..")
    before = open_descriptors()
    for path in ((), ("page.html",), ("nothing",), ("folder",), ("out",), ("page.html", "x")):
        entry = found_at(origin, *path)
        if entry is not None and entry.kind is Kind.FILE:
            origin.open(entry).close()
            origin.read(entry, 100)
    origin.children(entry_at(origin))
    assert open_descriptors() == before


@pytest.mark.parametrize("name", ["a.txt", "folder"])
def test_what_may_not_be_read_is_told_from_what_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "folder").mkdir()
    origin = LocalOrigin(str(tmp_path))
    (entry,) = origin.lookup_many([(name,)])
    assert entry is not None
    opened = os.open

    def refused(path: str, flags: int) -> int:
        # Root may read everything, so no mode of a file shows it.
        if path.startswith("/proc/self/fd/"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, flags)

    monkeypatch.setattr("twistedsite.origins.local.os.open", refused)
    with pytest.raises(UnreadableError):
        origin.open(entry) if name == "a.txt" else origin.children(entry)


def test_a_file_that_is_just_being_replaced_is_never_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("old")
    origin = LocalOrigin(str(tmp_path))
    opened = os.open
    replaced = []

    def replace_behind(path: str, flags: int) -> int:
        descriptor = opened(path, flags)
        if len(replaced) < 3:
            replaced.append(path)
            (tmp_path / "new").write_text(f"new {len(replaced)}")
            os.replace(tmp_path / "new", tmp_path / "a.txt")
        return descriptor

    monkeypatch.setattr("twistedsite.origins.local.os.open", replace_behind)
    (entry,) = origin.lookup_many([("a.txt",)])
    assert entry is not None
    assert len(replaced) == 3
    assert origin.read(entry, 100) == b"new 3"
