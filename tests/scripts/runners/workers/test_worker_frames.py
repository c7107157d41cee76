"""A worker may send anything: what is not a frame in its turn costs that worker its life, and nobody else anything."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from hypothesis import given
from hypothesis import strategies as st

from twistedsite.scripts.messages.response import ResponseHead
from twistedsite.scripts.runners.workers.wire.frames import (
    FROM_WORKER,
    Call,
    CallAnswer,
    End,
    FrameError,
    FrameKind,
    FrameReader,
    checked_head,
    decode,
    frame,
)

pytestmark = pytest.mark.process

FRAMES = st.lists(
    st.tuples(st.sampled_from([FrameKind.BEGIN, FrameKind.DATA, FrameKind.LOG]), st.binary(max_size=200)), max_size=8
)


@given(FRAMES, st.lists(st.integers(1, 50)))
def test_frames_come_out_as_they_went_in_however_they_are_cut(
    frames: list[tuple[FrameKind, bytes]], cuts: list[int]
) -> None:
    stream = b"".join(frame(kind, payload) for kind, payload in frames)
    reader, taken = FrameReader(FROM_WORKER), []
    while stream:
        size = cuts.pop() if cuts else len(stream)
        reader.feed(stream[:size])
        stream = stream[size:]
        while (one := reader.take()) is not None:
            taken.append(one)
    assert taken == frames


@given(st.binary(max_size=300))
def test_any_bytes_are_frames_or_an_error(data: bytes) -> None:
    reader = FrameReader(FROM_WORKER)
    reader.feed(data)
    try:
        while reader.take() is not None:
            pass
    except FrameError:
        pass


@given(st.binary(max_size=300), st.sampled_from([End, CallAnswer, Call, ResponseHead]))
def test_any_payload_is_decoded_or_an_error(data: bytes, kind: Any) -> None:
    with contextlib.suppress(FrameError):
        decode(data, kind)


def test_a_frame_that_is_too_long_is_refused_before_it_has_come() -> None:
    reader = FrameReader(FROM_WORKER)
    reader.feed(b"\x0b\xff\xff\xff\xff")
    with pytest.raises(FrameError):
        reader.take()


@pytest.mark.parametrize(
    "head",
    [
        ResponseHead(101),
        ResponseHead(1000),
        ResponseHead(200, [(b"x y", b"")]),
        ResponseHead(200, [(b"", b"")]),
        ResponseHead(200, [(b"x", b"a\r\nset-cookie: b")]),
        ResponseHead(200, [(b"x", b"\0")]),
        ResponseHead(200, [(b"x", b"")] * 1001),
        ResponseHead(200, [(b"x", b"a" * 1024)] * 128),
    ],
)
def test_a_head_that_would_split_the_response_is_refused(head: ResponseHead) -> None:
    with pytest.raises(FrameError):
        checked_head(head)


PRELUDE = """
import os, struct
from twistedsite.scripts.messages.response import ResponseHead
from twistedsite.scripts.messages.outcome import ExitKind, Outcome
from twistedsite.scripts.runners.workers.wire.frames import *
def send(data):
    while data: data = data[os.write(3, data):]
"""
GARBAGE = {
    "text": "send(b'GET / HTTP/1.1\\r\\n\\r\\n' * 100)",
    "zeros": "send(bytes(100))",
    "endless garbage": "while True: send(b'\\x7f' * 65536)",
    "an unknown kind": "send(frame(99, b''))",
    "the server's own kind": "send(frame(FrameKind.ANSWER, b''))",
    "too long": "send(struct.pack('>BI', FrameKind.DATA, 2**32 - 1))",
    "a piece before the head": "send(frame(FrameKind.DATA, b'x'))",
    "two heads": "send(frame(FrameKind.BEGIN, encode(ResponseHead())) * 2)",
    "a head that splits": "send(frame(FrameKind.BEGIN, encode(ResponseHead(200, [(b'a', b'b\\r\\nc: d')]))))",
    "a head that is no head": "send(frame(FrameKind.BEGIN, b'\\xc1'))",
    "an end without a head": "send(frame(FrameKind.END, encode(End(Outcome(ExitKind.DONE), None, b''))))",
    "an end that is none": "send(frame(FrameKind.END, encode([1, 2, 3])))",
    "a stack that nobody asked for": "send(frame(FrameKind.STACK, b''))",
    "an unknown call": "send(frame(FrameKind.CALL, encode([77, 'x'])))",
    "two calls at once": "send(frame(FrameKind.CALL, encode(LoadSession('x' * 43))) * 2)",
    "a call with a long id": "send(frame(FrameKind.CALL, encode(LoadSession('x' * 10_000))))",
    "two calls for files at once": "send(frame(FrameKind.CALL, encode(ReadFile(('a',)))) * 2)",
    "a path that is none": "send(frame(FrameKind.CALL, encode([12, 'a/b', 0, b''])))",
    "a path of numbers": "send(frame(FrameKind.CALL, encode([12, [1, 2], 0, b''])))",
    "a piece that is too long": "send(frame(FrameKind.CALL, encode(Piece(0, bytes(2_000_000)))))",
    "a lock for ever": "send(frame(FrameKind.CALL, encode([16, ['a'], 'for ever'])))",
    "deep nesting": "send(frame(FrameKind.CALL, b'\\x91' * 100_000))",
}


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("what", GARBAGE)
async def test_a_worker_that_sends_what_it_must_not_is_killed(write: Any, serve: Any, what: str) -> None:
    write("evil.py", PRELUDE + GARBAGE[what] + "\nimport time\nwhile True: time.sleep(10)")
    write("well.py", "print('well')")
    async with serve() as site:
        connection = await site.connect()
        connection.send(b"GET /evil HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = await connection.everything()
        assert answer.startswith(b"HTTP/1.1 502 ") or not answer.endswith(b"0\r\n\r\n")
        assert (await site.get("/well")).text == "well\n"


@pytest_twisted.ensureDeferred
async def test_locks_of_a_killed_script_are_free_again(write: Any, serve: Any, impatient: str) -> None:
    write("visit.py", "s = Session()\ns.n = getattr(s, 'n', 0) + 1\nprint(s.n)")
    write("impatient/hold.py", "s = Session()\nwhile True: pass")
    async with serve() as site:
        jar: dict[str, str] = {}
        await site.get("/visit", jar=jar)
        assert (await site.get("/impatient/hold", jar=dict(jar))).status == 504
        assert (await site.get("/visit", jar=jar)).text == "2\n"


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("death", ["os._exit(0)", "os.kill(os.getpid(), 9)", "os.write(3, b'garbage' * 100)"])
async def test_locks_of_a_dead_worker_are_free_again(write: Any, serve: Any, death: str) -> None:
    write("hold.py", f"import os, time\nstorage.lock('/_data').__enter__()\n{death}\ntime.sleep(60)")
    write("take.py", "with storage.lock('/_data', 20): print('mine')")
    async with serve() as site:
        assert (await site.get("/hold")).status == 502
        assert (await site.get("/take")).text == "mine\n"


FORGED = """
from twistedsite.scripts.runners.workers.wire.frames import *
call = storage._storage._caller.call
strange = ("..", "other", "victim"), ("/etc/passwd",), ("", ""), ("a\\0b",), ("x" * 5000,), ("d",) * 1000
for path in (("victim",), *strange):
    for frame in (WriteFile(path, 0, b"x"), MakeFolder(path), RemovePath(path), LockPath(path, -1e308), ReadFile(path)):
        answer, descriptor = call(frame)
        print(type(frame).__name__, answer.number, descriptor)
for frame in (Piece(5, b"x"), Piece(-1, b"x"), WriteFile(("open", "a"), 7, b"x"), UnlockPath(("never", "locked"))):
    print(type(frame).__name__, call(frame)[0].number)
"""


@pytest_twisted.ensureDeferred
async def test_a_worker_that_forges_calls_gets_no_further_than_its_settings(
    write: Any, serve: Any, tmp_path: Path
) -> None:
    write("forged.py", FORGED)
    write("victim", "kept")
    async with serve(storage={"writable": ["/open"]}) as site:
        lines = [line.split() for line in (await site.get("/forged")).text.splitlines()]
    refused = {str(errno.EPERM), str(errno.EINVAL)}
    assert len(lines) == 7 * 5 + 4
    for name, number, *descriptor in lines[5:35]:
        assert number in refused, name
        assert descriptor == ["None"]
    assert [number for _, number, _ in lines[:5]] == ["1", "1", "1", "0", "0"]
    assert [number for _, number in lines[35:]] == [str(errno.EINVAL)] * 3 + ["0"]
    assert (tmp_path / "site" / "victim").read_text() == "kept"
    assert sorted(os.listdir(tmp_path)) == ["site"]


@pytest_twisted.ensureDeferred
async def test_what_a_script_writes_to_standard_error_is_logged_in_one_piece(
    write: Any, serve: Any, logged: list[str]
) -> None:
    write("log.py", r"import sys; sys.stderr.write('one \x1b[31m\x07two\nthree\n'); print('page')")
    async with serve() as site:
        assert (await site.get("/log")).text == "page\n"
    (line,) = [line for line in logged if "two" in line]
    assert line.startswith("site: log.py: one ")
    assert "\x1b" not in line
    assert "\x07" not in line


@pytest_twisted.ensureDeferred
async def test_a_flood_of_log_lines_is_cut_off(write: Any, serve: Any, logged: list[str]) -> None:
    write("log.py", "import sys\nfor _ in range(10_000): print('x' * 100, file=sys.stderr)\nprint('page')")
    async with serve() as site:
        assert (await site.get("/log")).text == "page\n"
    assert sum(map(len, logged)) < 200_000
