"""However the network cuts a stream of requests, valid or damaged, the server does the same, and is never surprised."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest
from corpus import CORPUS
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from wire import Wire

REQUESTS = [case.data for case in CORPUS if len(case.data) < 600]
PIECES = [
    b"\r\n",
    b"\r",
    b"\n",
    b" ",
    b"\t",
    b":",
    b";",
    b"0",
    b"\0",
    b"\xff",
    b"\r\n\r\n",
    b"Host: b\r\n",
    b"0\r\n\r\n",
]
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@contextmanager
def nothing_logged_as_an_error() -> Iterator[None]:
    events: list[LogEvent] = []

    def observe(event: LogEvent) -> None:
        if event.get("log_level") in (LogLevel.error, LogLevel.critical):
            events.append(event)

    globalLogPublisher.addObserver(observe)
    try:
        yield
    finally:
        globalLogPublisher.removeObserver(observe)
    assert not events


def result(pieces: list[bytes]) -> tuple[bytes, bool]:
    """What the server sends and whether it closes, given `pieces`; the interim 100 depends on what has come already."""
    wire = Wire()
    with nothing_logged_as_an_error():
        for piece in pieces:
            wire.send(piece)
    return wire.output.replace(CONTINUE, b""), wire.closed


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """One to three requests of the corpus, with a few bytes changed, lost or added."""
    stream = bytearray(b"".join(draw(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=3))))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(stream)))
        lost = draw(st.integers(0, 3))
        stream[at : at + lost] = draw(st.sampled_from(PIECES) | st.binary(max_size=4))
    return bytes(stream)


@settings(max_examples=4 * settings().max_examples)
@given(streams(), st.lists(st.integers(0, 2000), max_size=8))
@example(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\r", [27])
def test_a_cut_changes_nothing(stream: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    pieces = [stream[start:end] for start, end in pairwise(edges)]
    assert result(pieces) == result([stream])


@given(streams())
def test_single_bytes_change_nothing(stream: bytes) -> None:
    assert result([stream[at : at + 1] for at in range(len(stream))]) == result([stream])


@pytest.mark.slow
def test_one_cut_at_each_place_changes_nothing() -> None:
    for case in CORPUS:
        if len(case.data) < 120:
            whole = result([case.data])
            for at in range(1, len(case.data)):
                assert result([case.data[:at], case.data[at:]]) == whole, (case.name, at)
