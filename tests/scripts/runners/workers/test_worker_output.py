"""A slow client keeps its own answer waiting, in memory and then in a file; the worker waits when both are full."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import pytest_twisted
from descriptors import open_descriptors
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from twistedsite.scripts.runners.workers.server import spool
from twistedsite.scripts.runners.workers.server.broker import BrokerThreads
from twistedsite.scripts.runners.workers.server.output_buffer import OutputBudget, OutputBuffer
from twistedsite.settings.server import WorkerSettings
from twistedsite.settings.units import Size

MIB = 1024 * 1024


class AtOnce(BrokerThreads):
    """Makes calls in turn, when the test says so: as if by one thread."""

    def __init__(self) -> None:
        self.calls: list[tuple[Callable[[Any], object], Callable[..., Any], tuple[object, ...]]] = []

    def call(self, done: Callable[[Any], object], function: Callable[..., Any], *args: object) -> None:
        self.calls.append((done, function, args))

    def work(self) -> None:
        while self.calls:
            done, function, args = self.calls.pop(0)
            try:
                result = function(*args)
            except Exception:
                result = Failure()
            done(result)


class SlowSink:
    """A client that takes one piece, and the next one when it is told to."""

    def __init__(self) -> None:
        self.got = b""
        self.busy: Deferred[None] | None = None

    def begin(self, head: Any) -> None:
        raise AssertionError("only the body comes here")

    def write(self, data: bytes) -> None:
        self.got += data
        self.busy = Deferred()

    def end(self, head: Any, body: bytes) -> None:
        raise AssertionError("only the body comes here")

    def when_writable(self) -> Deferred[None] | None:
        return self.busy

    def take(self) -> None:
        busy, self.busy = self.busy, None
        if busy is not None:
            busy.callback(None)


class Flow:
    """An OutputBuffer, and what it has asked of its worker."""

    made: list[Flow] = []

    def __init__(self, **settings: int) -> None:
        self.made.append(self)
        sizes = {name: Size(size) for name, size in settings.items()}
        self.threads = AtOnce()
        self.budget = OutputBudget(WorkerSettings(**sizes), self.threads)  # type: ignore[arg-type]  # sizes only
        self.sink = SlowSink()
        self.paused = False
        self.failures: list[Any] = []
        self.ended = False
        self.out = OutputBuffer(self.sink, self.budget, self._pause, self._resume, self.failures.append)

    def _pause(self) -> None:
        self.paused = True

    def _resume(self) -> None:
        self.paused = False

    def _end(self) -> None:
        self.ended = True

    def finish(self) -> None:
        self.out.finish(self._end)

    def drain(self) -> None:
        """The client takes all that there is."""
        for _ in range(1000):
            self.threads.work()
            self.sink.take()


@pytest.fixture(autouse=True)
def no_flow_is_left() -> Iterator[None]:
    """Every file is closed at the end of a test."""
    yield
    while Flow.made:
        flow = Flow.made.pop()
        flow.out.drop()
        flow.threads.work()


def pieces(count: int, size: int) -> list[bytes]:
    return [bytes([65 + number % 26]) * size for number in range(count)]


def test_what_a_slow_client_does_not_take_is_kept_in_memory_then_in_a_file_and_arrives_in_order() -> None:
    flow = Flow(output=1000, spool=MIB)
    sent = pieces(50, 300)
    for piece in sent:
        flow.out.write(piece)
    flow.finish()
    assert flow.budget.held == 1200
    assert flow.budget.files.used == 45 * 300
    assert not flow.paused
    assert not flow.ended
    flow.drain()
    assert flow.sink.got == b"".join(sent)
    assert flow.ended
    assert (flow.budget.held, flow.budget.files.used) == (0, 0)


def test_a_worker_waits_when_the_file_is_full_and_goes_on_when_it_is_empty() -> None:
    flow = Flow(output=100, spool=1000)
    sent = pieces(15, 100)
    for piece in sent:
        assert not flow.paused
        flow.out.write(piece)
        flow.threads.work()
        if flow.paused:
            break
    assert flow.budget.files.used == 1000
    flow.sink.take()
    flow.threads.work()
    assert flow.paused
    flow.drain()
    assert not flow.paused
    assert flow.sink.got == b"".join(sent)[: len(flow.sink.got)]
    assert len(flow.sink.got) == 1200


def test_without_a_file_the_worker_waits_when_memory_is_full() -> None:
    flow = Flow(output=200, spool=0)
    for piece in pieces(3, 100):
        flow.out.write(piece)
    assert flow.paused
    assert flow.threads.calls == []
    flow.drain()
    assert not flow.paused
    assert flow.sink.got == b"".join(pieces(3, 100))


def test_all_files_together_are_bounded() -> None:
    one, other = Flow(output=0, spool=MIB, spool_total=1000), Flow(output=0, spool=MIB)
    other.out._budget = one.budget
    for _ in range(10):
        one.out.write(b"x" * 100)
    assert not one.paused
    other.out.write(b"y" * 100)
    other.out.write(b"y" * 100)
    assert other.paused
    other.drain()
    one.drain()
    other.drain()
    assert not other.paused
    assert one.budget.files.used == 0


def test_a_worker_waits_while_the_disk_is_behind() -> None:
    flow = Flow(output=0, spool=64 * MIB)
    flow.out.write(b"x")
    for _ in range(20):
        flow.out.write(b"x" * 64 * 1024)
    assert flow.paused
    flow.threads.work()
    assert not flow.paused


def test_a_full_disk_loses_nothing_and_makes_the_worker_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    flow = Flow(output=100, spool=MIB)
    sent = pieces(10, 100)
    for piece in sent[:5]:
        flow.out.write(piece)
        flow.threads.work()
    with monkeypatch.context() as patch:
        patch.setattr(spool.os, "pwrite", full)
        for piece in sent[5:]:
            flow.out.write(piece)
            flow.threads.work()
    assert flow.paused
    flow.finish()
    flow.drain()
    assert not flow.paused
    assert flow.sink.got == b"".join(sent)
    assert flow.ended
    assert flow.failures == []


def test_what_cannot_be_read_back_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    flow = Flow(output=0, spool=MIB)
    for piece in pieces(3, 100):
        flow.out.write(piece)
        flow.threads.work()
    with monkeypatch.context() as patch:
        patch.setattr(spool.os, "pread", lambda *_: b"")
        flow.drain()
    assert [failure.type for failure in flow.failures] == [EOFError]
    flow.out.drop()
    assert flow.budget.files.used == 0


@pytest.mark.process
@pytest.mark.parametrize("busy", [False, True])
def test_a_client_that_goes_away_frees_the_file(busy: bool) -> None:
    before = open_descriptors()
    flow = Flow(output=0, spool=MIB)
    for piece in pieces(3, 100):
        flow.out.write(piece)
        flow.threads.work()
    if busy:
        flow.out.write(b"more")
    flow.out.drop()
    assert flow.budget.files.used == 0
    flow.threads.work()
    assert open_descriptors() == before


@pytest.mark.process
@pytest_twisted.ensureDeferred
async def test_a_worker_is_free_again_while_its_long_answer_waits_in_a_file(write: Any, serve: Any) -> None:
    write("long.py", "import sys\nfor n in range(600): sys.stdout.write(chr(65 + n % 26) * 50_000)\nprint('end')")
    write("well.py", "print('well')")
    async with serve(workers={"max_workers": 1, "output": "1M", "spool": "64M"}) as site:
        connection = await site.connect()
        connection.send(b"GET /long HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await connection.until(b"AAA")
        connection.pause()
        # Its only worker answers: so it has handed over all 30 MB.
        assert (await site.get("/well")).text == "well\n"
        connection.resume()
        answer = await connection.everything()
    assert answer.endswith(b"end\n\r\n0\r\n\r\n")
    letters = [answer.count(bytes([65 + n])) for n in range(26)]
    assert min(letters) >= 23 * 50_000


@pytest.mark.process
@pytest_twisted.ensureDeferred
async def test_a_slow_client_makes_the_worker_wait_where_no_more_may_be_held_and_gets_it_all(
    write: Any, serve: Any, impatient: str
) -> None:
    write("long.py", "import sys\nfor n in range(600): sys.stdout.write('z' * 50_000)\nprint('end')")
    write(f"{impatient}/well.py", "print('well')")
    async with serve(workers={"max_workers": 1, "output": "100K", "spool": "0"}) as site:
        connection = await site.connect()
        connection.send(b"GET /long HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await connection.until(b"zzz")
        connection.pause()
        # Its only worker is not to be had, for as long as this one cares to wait.
        assert (await site.get("/impatient/well")).status == 503
        connection.resume()
        answer = await connection.everything()
        assert (await site.get("/ready")).text == "ready\n"
    assert answer.count(b"z") == 600 * 50_000
    assert answer.endswith(b"end\n\r\n0\r\n\r\n")


@pytest.mark.process
@pytest_twisted.ensureDeferred
async def test_an_upload_of_32_megabytes_is_read_by_the_worker_from_the_servers_file(write: Any, serve: Any) -> None:
    write(
        "sum.py",
        """
        import hashlib
        upload = files["file"]
        print(upload.filename, upload.size, hashlib.md5(upload.value).hexdigest())
        """,
    )
    content = os.urandom(MIB) * 32
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="big"\r\n\r\n' + content + b"\r\n--b--\r\n"
    async with serve(max_body="40M") as site:
        answer = await site.get(
            "/sum", method="POST", body=body, headers={"Content-Type": "multipart/form-data; boundary=b"}
        )
    assert answer.text == f"big {32 * MIB} {hashlib.md5(content).hexdigest()}\n"


@pytest.mark.process
@pytest_twisted.ensureDeferred
async def test_spooled_answers_of_clients_that_went_away_are_gone_from_the_disk(
    write: Any, serve: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    write("long.py", "import sys\nfor n in range(400): sys.stdout.write('x' * 50_000)\nsys.stdout.write('end')")
    async with serve(workers={"max_workers": 1, "output": "100K"}) as site:
        connection = await site.connect()
        connection.send(b"GET /long HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await connection.until(b"xxx")
        connection.pause()
        await site.get("/ready")
        assert spooled(str(tmp_path)) == 1
        await connection.close()
        for _ in range(500):
            if not spooled(str(tmp_path)):
                break
            await deferLater(reactor, 0.01)
        assert spooled(str(tmp_path)) == 0


def spooled(folder: str) -> int:
    """How many files without a name this process has open in `folder`."""
    found = 0
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")
        except FileNotFoundError:
            continue
        found += target.startswith(folder) and target.endswith("(deleted)")
    return found
