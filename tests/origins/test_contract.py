"""Every origin of ours keeps the contract: the local disk, and the one in memory, near and far."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import pytest_twisted
from site_files import write
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from twistedsite.origins import version
from twistedsite.origins.interface import Kind, Origin, OriginError, await_if_deferred
from twistedsite.origins.local import LocalOrigin
from twistedsite.testing import MemoryOrigin
from twistedsite.testing.contract import PAGE, OriginContract


class TestLocalOrigin(OriginContract):
    @pytest.fixture
    def origin(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Origin:
        monkeypatch.setattr(version, "TICK_NS", -1)
        for name, text in self.FILES.items():
            write(tmp_path, name, text)
        return LocalOrigin(str(tmp_path))


class TestMemoryOrigin(OriginContract):
    @pytest.fixture
    def origin(self) -> Origin:
        return MemoryOrigin(self.FILES)


class TestFarMemoryOrigin(OriginContract):
    @pytest.fixture
    def origin(self) -> Origin:
        return MemoryOrigin(self.FILES, reactor=reactor)


def test_what_is_written_in_memory_is_in_its_mirror(tmp_path: Path) -> None:
    write(tmp_path, "folder/page.html", "hello")
    origin = MemoryOrigin.of_folder(tmp_path)
    origin.write(("folder", "more", "new.txt"), b"new")
    assert (tmp_path / "folder/more/new.txt").read_text() == "new"
    origin.delete(("folder", "page.html"))
    assert not (tmp_path / "folder/page.html").exists()


def test_a_test_chooses_failures_deleted_names_and_what_others_do_in_between() -> None:
    origin = MemoryOrigin({"page.html": "hello"}, knows_deleted=True)
    origin.fail("lookup_many", OriginError(errno.EIO, "silent"))
    with pytest.raises(OriginError):
        origin.lookup_many([PAGE])
    origin.fail("lookup_many", None)
    origin.before("lookup_many", lambda: origin.remove("page.html"))
    found = origin.lookup_many([PAGE])
    assert isinstance(found, list)
    assert [entry and entry.kind for entry in found] == [Kind.DELETED]
    assert origin.calls["lookup_many"] == 2


@pytest_twisted.ensureDeferred
async def test_a_far_origin_is_asked_on_the_reactors_thread_only() -> None:
    origin = MemoryOrigin({"page.html": "hello"}, reactor=reactor)
    with pytest.raises(AssertionError, match="outside the reactor's thread"):
        await deferToThread(origin.lookup_many, [PAGE])
    assert (await await_if_deferred(origin.lookup_many([PAGE])))[0] is not None
