"""What a request may do with the files of its site: the settings decide, and no lock outlives it."""

from __future__ import annotations

import errno
import io
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.internet.threads import deferToThread

from twistedsite.origins.interface import BLOCK, Capabilities
from twistedsite.origins.local import LocalOrigin
from twistedsite.scripts.broker.quota import MEASURE_FULL
from twistedsite.scripts.broker.storage import RequestStorage, SiteStorage
from twistedsite.scripts.exchange.files import resolve
from twistedsite.scripts.messages.storage import Child
from twistedsite.settings.server import StorageSettings
from twistedsite.settings.units import Size

Open = Callable[..., RequestStorage]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "site").mkdir()
    return tmp_path / "site"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site(root: Path, clock: Clock) -> Callable[..., SiteStorage]:
    def site(**settings: Any) -> SiteStorage:
        return SiteStorage(LocalOrigin(str(root)), StorageSettings(**settings), clock)

    return site


@pytest.fixture
def storage(site: Callable[..., SiteStorage]) -> Iterator[RequestStorage]:
    storage = site().open(((),), 5.0)
    yield storage
    storage.close()


def test_what_was_written_is_read(storage: RequestStorage) -> None:
    storage.write(("_data", "a.json"), b"{}")
    assert storage.read(("_data", "a.json")) == b"{}"
    storage.write(("_data", "a.json"), io.BytesIO(b"[1]"))
    assert storage.read(("_data", "a.json")) == b"[1]"


def test_a_folder_tells_what_is_in_it(storage: RequestStorage, root: Path) -> None:
    storage.write(("b", "file"), b"")
    storage.make_folder(("b", "_folder"))
    (root / "b" / "link").symlink_to("/etc")
    os.mkfifo(root / "b" / "fifo")
    assert storage.children(("b",)) == [Child("_folder", True), Child("file", False)]
    assert storage.children(("b", "file")) is None
    assert storage.children(()) == [Child("b", True)]


def test_what_is_not_there_is_an_error_of_its_own(storage: RequestStorage) -> None:
    for act in (storage.read, storage.children, storage.remove):
        with pytest.raises(FileNotFoundError, match="'/no/such'"):
            act(("no", "such"))
    storage.make_folder(("folder",))
    with pytest.raises(IsADirectoryError):
        storage.read(("folder",))
    with pytest.raises(FileExistsError):
        storage.make_folder(("folder",))


PROTECTED = [
    ("_folder.toml",),
    ("a", "_folder.toml"),
    ("a", "_FOLDER.toml"),
    ("a", "_folder.toml", "b"),
    (".htaccess",),
    (".git", "config"),
    (".scriptsite-0123456789abcdef",),
]


@pytest.mark.parametrize("path", PROTECTED)
def test_a_protected_name_is_neither_written_nor_made_nor_removed(
    storage: RequestStorage, root: Path, path: tuple[str, ...]
) -> None:
    with pytest.raises(PermissionError, match="is protected"):
        storage.write(path, b"x")
    with pytest.raises(PermissionError, match="is protected"):
        storage.make_folder(path)
    (root / "/".join(path)).parent.mkdir(parents=True, exist_ok=True)
    (root / "/".join(path)).write_text("kept")
    with pytest.raises(PermissionError, match="is protected"):
        storage.remove(path)
    assert (root / "/".join(path)).read_text() == "kept"


@pytest.mark.parametrize("name", ["_folder.toml", ".hidden"])
def test_a_folder_with_a_protected_name_somewhere_in_it_stays_as_it_is(
    storage: RequestStorage, root: Path, name: str
) -> None:
    storage.write(("a", "file"), b"x")
    (root / "a/b/c").mkdir(parents=True)
    (root / "a/b/c" / name).write_text("kept")
    with pytest.raises(PermissionError, match=f"'/a/b/c/{name}'"):
        storage.remove(("a",))
    assert storage.read(("a", "file")) == b"x"


@pytest.mark.parametrize(
    "path",
    [("",), (".",), ("..", "x"), ("a", "..", "..", "x"), ("a/b",), ("a\0",), ("\udcff",), ("x" * 256,), ("a",) * 129],
)
def test_what_is_no_path_is_refused_by_every_call(storage: RequestStorage, path: tuple[str, ...]) -> None:
    for act in (
        lambda: storage.read(path),
        lambda: storage.write(path, b""),
        lambda: storage.children(path),
        lambda: storage.make_folder(path),
        lambda: storage.remove(path),
        lambda: storage.lock(path, 1),
    ):
        with pytest.raises(OSError, match="not a path of this site") as caught:
            act()
        assert caught.value.errno == errno.EINVAL


def test_only_what_the_settings_allow_is_written(site: Callable[..., SiteStorage], root: Path) -> None:
    storage = site().open((("a", "b"), ("log.txt",)), 5.0)
    storage.write(("a", "b", "c"), b"x")
    storage.write(("log.txt",), b"x")
    (root / "a" / "x").touch()
    for path in (("a", "x"), ("a",), ("a", "bb"), ("log.txt.old",), ()):
        for act in (lambda: storage.write(path, b""), lambda: storage.remove(path), lambda: storage.make_folder(path)):  # noqa: B023  # called at once
            with pytest.raises(PermissionError, match="do not let its scripts write here"):
                act()
    assert site().open((), 5.0).read(("a", "b", "c")) == b"x"
    with pytest.raises(PermissionError):
        site().open((), 5.0).write(("a", "b", "c"), b"")


def test_a_file_larger_than_allowed_is_neither_written_nor_read(site: Callable[..., SiteStorage], root: Path) -> None:
    storage = site(file_size=Size(10)).open(((),), 5.0)
    storage.write(("a",), b"x" * 10)
    for data in (b"x" * 11, io.BytesIO(b"x" * 11)):
        with pytest.raises(OSError, match="the file has 11 bytes; scripts read and write 10 at most") as caught:
            storage.write(("a",), data)
        assert caught.value.errno == errno.EFBIG
    (root / "a").write_bytes(b"x" * 11)
    with pytest.raises(OSError, match="the file has 11 bytes"):
        storage.read(("a",))


def test_a_full_quota_is_an_error_until_there_is_room(
    site: Callable[..., SiteStorage], root: Path, clock: Clock
) -> None:
    (root / "by_the_author").write_bytes(b"x" * 3 * BLOCK)
    whole = site(quota=Size(10 * BLOCK))  # of which the root takes one, the author four
    storage = whole.open(((),), 5.0)
    storage.write(("a",), b"x" * 3 * BLOCK)
    for path, data in ((("b",), b"x"), (("a",), b"x" * (4 * BLOCK + 1)), (("d", "e"), b"")):
        with pytest.raises(OSError, match="the site may occupy 40960 bytes, and 36864 of them are in use") as caught:
            storage.write(path, data)
        assert caught.value.errno == errno.EDQUOT
    with pytest.raises(OSError, match="may occupy"):
        storage.make_folder(("c", "d"))
    assert sorted(os.listdir(root)) == ["a", "by_the_author"]
    storage.write(("a",), b"x" * BLOCK)
    storage.write(("b",), b"x")
    storage.remove(("b",))
    storage.make_folder(("c", "d"))
    os.unlink(root / "by_the_author")
    with pytest.raises(OSError, match="may occupy"):
        storage.write(("e",), b"x" * 3 * BLOCK)
    clock.advance(MEASURE_FULL + 1)
    storage.write(("e",), b"x" * 3 * BLOCK)


def test_a_write_that_fails_takes_nothing_of_the_quota(site: Callable[..., SiteStorage], root: Path) -> None:
    storage = site(quota=Size(6 * BLOCK)).open(((),), 5.0)
    (root / "a").mkdir()
    for _ in range(10):
        with pytest.raises(IsADirectoryError):
            storage.write(("a",), b"x" * BLOCK)
    storage.write(("b",), b"x" * BLOCK)


@pytest.mark.parametrize(
    ("folder", "path", "segments"),
    [
        ("a/b", "c", "a/b/c"),
        ("a/b", "./../c//d/", "a/c/d"),
        ("a/b", "/c", "c"),
        ("a", "..", ""),
        ("", "/", ""),
    ],
)
def test_a_path_is_resolved_as_a_shell_would(folder: str, path: str, segments: str) -> None:
    assert "/".join(resolve(tuple(folder.split("/")) if folder else (), path)) == segments


@pytest.mark.parametrize("path", ["../..", "/..", "/a/../../etc/passwd"])
def test_a_path_that_leads_out_of_the_site_is_refused(path: str) -> None:
    with pytest.raises(PermissionError, match="leads out of the site"):
        resolve(("a",), path)


# Locks


def test_a_lock_is_for_one_request_at_a_time(site: Callable[..., SiteStorage]) -> None:
    files = site()
    one, two = files.open(((),), 5.0), files.open(((),), 5.0)
    with one.lock(("a",), 1):
        with two.lock(("b",), 1):
            pass
        with pytest.raises(TimeoutError, match="other requests still hold it: '/a'"), two.lock(("a",), 0):
            pass
    with two.lock(("a",), 0):
        pass
    assert len(files.locks) == 0


def test_a_request_may_lock_again_what_it_holds(site: Callable[..., SiteStorage]) -> None:
    files = site()
    one, two = files.open(((),), 5.0), files.open(((),), 5.0)
    with one.lock(("a",), 0):
        with one.lock(("a",), 0):
            pass
        with pytest.raises(TimeoutError), two.lock(("a",), 0):
            pass
    with two.lock(("a",), 0):
        pass


def test_the_end_of_a_request_releases_all_and_ends_all(site: Callable[..., SiteStorage]) -> None:
    files = site()
    one, two = files.open(((),), 5.0), files.open(((),), 5.0)
    left = one.lock(("a",), 0)
    left.__enter__()
    one.lock(("b",), 0).__enter__()
    one.close()
    with two.lock(("a",), 0), two.lock(("b",), 0):
        left.__exit__(None, None, None)
        with pytest.raises(TimeoutError), files.open(((),), 5.0).lock(("a",), 0):
            pass
    for act in (lambda: one.lock(("a",), 0), lambda: one.read(("a",)), lambda: one.write(("a",), b"")):
        with pytest.raises(OSError, match="the request is over"):
            act()


def test_a_request_that_ends_while_it_waits_holds_nothing(site: Callable[..., SiteStorage]) -> None:
    files = site()
    one, two = files.open(((),), 60.0), files.open(((),), 60.0)
    waits = threading.Event()
    with one.lock(("a",), 0), ThreadPoolExecutor(1) as thread:

        def wait() -> None:
            waits.set()
            with two.lock(("a",), 60):
                pass

        waiting = thread.submit(wait)
        waits.wait()
        while len(files.locks.queues[("a",)]) < 2:
            waits.wait(0.001)
        two.close()
        with pytest.raises(OSError, match="the request is over"):
            waiting.result()
    with files.open(((),), 5.0).lock(("a",), 0):
        pass
    assert len(files.locks) == 0


def test_a_request_waits_no_longer_for_a_lock_than_it_runs(site: Callable[..., SiteStorage]) -> None:
    files = site()
    with (
        files.open(((),), 5.0).lock(("a",), 0),
        pytest.raises(TimeoutError),
        files.open(((),), 0.01).lock(("a",), 10_000),
    ):
        pass


def test_a_request_holds_so_many_locks_and_no_more(site: Callable[..., SiteStorage]) -> None:
    storage = site(locks=3).open(((),), 5.0)
    for number in range(3):
        storage.lock((str(number),), 0).__enter__()
    storage.lock(("1",), 0).__enter__()
    with pytest.raises(OSError, match="this request holds 3 locks already") as caught:
        storage.lock(("3",), 0).__enter__()
    assert caught.value.errno == errno.ENOLCK


def test_so_many_requests_wait_for_a_lock_and_no_more(site: Callable[..., SiteStorage]) -> None:
    files = site(lock_queue=1)
    requests = [files.open(((),), 60.0) for _ in range(3)]
    with requests[0].lock(("a",), 0), ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(requests[1].lock(("a",), 60).__enter__)
        while len(files.locks.queues[("a",)]) < 2:
            assert not waiting.done()
        with pytest.raises(TimeoutError):
            requests[2].lock(("a",), 60).__enter__()
        requests[0].close()
        waiting.result()
    requests[1].close()


# Origins that are far away


class FarOrigin(LocalOrigin):
    """Answers on the reactor's thread only, and later."""

    capabilities = Capabilities(synchronous=False, compare_and_swap="strict")  # type: ignore[misc]

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in ("lookup_many", "children", "open", "write", "delete", "make_folder", "usage"):
            return found

        def later(*args: Any) -> Deferred[Any]:
            from twisted.internet import reactor

            assert threading.current_thread() is threading.main_thread()
            return deferLater(reactor, 0, found, *args)

        return later


@pytest_twisted.ensureDeferred
async def test_an_origin_may_answer_later(root: Path) -> None:
    from twisted.internet import reactor

    storage = SiteStorage(FarOrigin(str(root)), StorageSettings(), reactor).open(((),), 5.0)

    def script() -> list[Child] | None:
        storage.make_folder(("a",))
        with storage.lock(("a", "b"), 1):
            storage.write(("a", "b"), b"x")
        assert storage.read(("a", "b")) == b"x"
        with pytest.raises(FileNotFoundError):
            storage.read(("a", "c"))
        with pytest.raises(IsADirectoryError):
            storage.write(("a",), b"x")
        storage.write(("c",), b"x")
        storage.remove(("a",))
        return storage.children(())

    assert await deferToThread(script) == [Child("c", False)]
