"""Where scripts have used up the threads or descriptors of the server's user, workers are still started and ended."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import pytest
import pytest_twisted
from site_files import logged, write
from twisted.internet import reactor

from twistedsite.scripts.runners.workers.child import zygote
from twistedsite.scripts.runners.workers.server import spawner
from twistedsite.scripts.runners.workers.wire.frames import Spawned
from twistedsite.testing import serving

pytestmark = pytest.mark.process


@pytest_twisted.ensureDeferred
async def test_a_worker_that_ends_when_no_thread_can_be_started_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "x.py", "import os\nprint(os.getpid())")
    write(tmp_path, "end.py", "import os\nos._exit(1)")

    def refuse(*arguments: object) -> NoReturn:
        raise RuntimeError("can't start new thread")

    async with serving(tmp_path, isolation="workers", workers={"max_workers": 1}) as site:
        first = (await site.get("/x.py")).text
        monkeypatch.setattr(reactor, "callInThread", refuse)
        for _ in range(3):
            assert (await site.get("/end.py")).status == 502
            assert (await site.get("/x.py")).text not in ("", first)
        monkeypatch.undo()


@pytest_twisted.ensureDeferred
async def test_an_error_about_one_worker_does_not_end_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "x.py", "print('page')")
    write(tmp_path, "end.py", "import os\nos._exit(1)")
    heard = spawner.Spawner._heard

    def fail(self: spawner.Spawner, message: Any, descriptors: list[int]) -> None:
        heard(self, message, descriptors)
        raise ZeroDivisionError

    monkeypatch.setattr(spawner.Spawner, "_heard", fail)
    async with serving(tmp_path, isolation="workers", workers={"max_workers": 1}) as site:
        with logged() as log:
            for _ in range(3):
                assert (await site.get("/x.py")).text == "page\n"
                assert (await site.get("/end.py")).status == 502
        assert "a message of the zygote was not understood" in log()


@pytest_twisted.ensureDeferred
async def test_what_the_system_cannot_send_to_the_zygote_is_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "x.py", "print('page')")
    refused = []
    send = socket.send_fds

    def too_many(sock: socket.socket, buffers: Iterable[bytes], fds: Iterable[int]) -> int:
        if len(refused) < 3:
            refused.append(sock)
            raise OSError(errno.ETOOMANYREFS, os.strerror(errno.ETOOMANYREFS))
        return send(sock, buffers, fds)

    async with serving(tmp_path, isolation="workers") as site:
        monkeypatch.setattr(spawner.socket, "send_fds", too_many)
        assert (await site.get("/x.py")).text == "page\n"
    assert len(refused) == 3


def test_a_zygote_that_cannot_send_a_descriptor_tells_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    send = socket.send_fds

    def too_many(sock: socket.socket, buffers: Iterable[bytes], fds: Iterable[int]) -> int:
        if tuple(fds):
            raise OSError(errno.ETOOMANYREFS, os.strerror(errno.ETOOMANYREFS))
        return send(sock, buffers, fds)

    with ours, theirs:
        monkeypatch.setattr(zygote.socket, "send_fds", too_many)
        maker = zygote.Zygote.__new__(zygote.Zygote)
        maker._control = theirs
        maker._tell_spawned(Spawned(7, os.getpid()))
        message = spawner.decode(ours.recv(1024), spawner.FromZygote)
    assert message == Spawned(7, os.getpid())
