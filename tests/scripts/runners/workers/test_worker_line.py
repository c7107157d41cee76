"""The jobs in a worker's own socket: each is read once, by the worker or by the server, alone or with others."""

from __future__ import annotations

import mmap
import os
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from twistedsite.scripts.runners.workers.wire import claims
from twistedsite.scripts.runners.workers.wire.claims import Claims
from twistedsite.scripts.runners.workers.wire.job_queue import LONGEST, MOST_TOGETHER, Line, LineEnd, in_memory


class End:
    """The worker's side, which counts its jobs as a worker does."""

    def __init__(self, connection: socket.socket, words: memoryview) -> None:
        self.line = LineEnd(connection, words)
        self.number = 0
        self.waits = 0

    def next(self) -> tuple[bytes, list[int]] | None:
        """The next job, and its descriptors."""
        found = self.line.next(self.number, self.wait)
        if found is None:
            return None
        self.number += 1
        return bytes(found[0]), found[1]

    def taken(self) -> bytes:
        """The next job, which has no descriptors."""
        found = self.next()
        assert found is not None
        assert found[1] == []
        return found[0]

    def wait(self) -> None:
        """It has to wait for the next one."""
        self.waits += 1


@contextmanager
def lines(together: bool = True) -> Iterator[tuple[Line, End]]:
    """Both sides of one."""
    with mmap.mmap(-1, claims.END) as memory, claims.words(memory) as words:
        line = Line(Claims(words) if together else None)
        with socket.socket(fileno=line.duplicate()) as connection:
            try:
                yield line, End(connection, words)
            finally:
                line.close()


def open_descriptors() -> int:
    """How many there are in this process."""
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("together", [True, False])
def test_jobs_come_in_their_order(together: bool) -> None:
    with lines(together) as (line, end):
        assert all(line.add(b"job %d" % number, None) for number in range(10))
        assert [end.taken() for _ in range(10)] == [b"job %d" % number for number in range(10)]


def test_what_is_held_is_sent_together_and_before_what_is_added_later() -> None:
    with lines() as (line, end):
        line.add(b"0", None)
        assert [line.hold(b"%d" % number) for number in range(1, 5)] == [1, 2, 3, 4]
        line.add(b"5", None)
        assert line.hold(b"6") == 1
        assert line.send_held()
        assert [end.taken() for _ in range(7)] == [b"%d" % number for number in range(7)]
        assert end.waits == 0


def test_no_more_are_held_than_one_message_takes_nor_a_long_one() -> None:
    with lines() as (line, end):
        longest = b"x" * (LONGEST // MOST_TOGETHER)
        assert not line.hold(longest + b"x")
        assert [line.hold(longest) for _ in range(MOST_TOGETHER + 1)] == [*range(1, MOST_TOGETHER + 1), 0]
        assert line.send_held()
        assert [end.taken() for _ in range(MOST_TOGETHER)] == [longest] * MOST_TOGETHER


def test_without_claims_none_is_held_and_a_single_one_is_taken_by_one() -> None:
    with lines(together=False) as (line, end):
        assert not line.hold(b"job")
        assert line.send_held()
        line.add(b"0", None)
        assert line.take_back(0, 1) == 1
        line.add(b"1", None)
        assert end.taken() == b"1"
        assert line.take_back(0, 1) == 0


def test_what_has_not_been_taken_can_be_taken_back() -> None:
    with lines() as (line, end):
        for number in range(5):
            line.add(b"job %d" % number, None)
        assert end.taken() == b"job 0"
        assert line.take_back(0, 5) == 4
        assert line.take_back(0, 1) == 0
        line.add(b"another", None)
        assert end.taken() == b"another"


def test_what_has_been_taken_with_others_and_not_been_begun_can_be_taken_back_too() -> None:
    with lines() as (line, end):
        for number in range(5):
            line.hold(b"job %d" % number)
        line.send_held()
        assert [end.taken(), end.taken()] == [b"job 0", b"job 1"]
        line.hold(b"job 5")
        line.send_held()
        line.hold(b"job 6")
        # Two in its hands that it has begun, three that it has not, one in the socket, one that is held.
        assert line.take_back(0, 7) == 5
        assert line.take_back(0, 2) == 0
        line.add(b"another", None)
        assert end.taken() == b"another"


def test_of_two_who_take_at_the_same_time_each_job_is_one_ones() -> None:
    count = 4000
    with lines() as (line, end):
        found: list[bytes] = []
        given: list[bytes] = []
        back: list[bytes] = []

        def work() -> None:
            while (job := end.next()) is not None:
                found.append(job[0])

        def take_back() -> None:
            ended = len(found)
            number = line.take_back(ended, len(given) - ended)
            if number:
                back.extend(given[-number:])
                del given[-number:]

        worker = threading.Thread(target=work)
        worker.start()
        for number in range(count):
            job = b"%d" % number
            while not (line.hold(job) or line.add(job, None)):
                pass
            given.append(job)
            if number % 5 == 0:
                line.send_held()
            if number % 7 == 0:
                take_back()
        take_back()
        line.close()
        worker.join(timeout=60)
        assert found == given
        assert Counter(found + back) == Counter(b"%d" % number for number in range(count))
        assert len(back) > count / 100


def test_a_long_job_comes_whole() -> None:
    before = open_descriptors()
    with lines() as (line, end):
        for size in (LONGEST, LONGEST + 1, 10 * 1024 * 1024):
            job = os.urandom(size)
            assert line.add(job, None)
            assert end.taken() == job
    assert open_descriptors() == before


def test_a_descriptor_comes_with_its_job_short_or_long() -> None:
    with lines() as (line, end):
        for job in (b"short", b"long" * LONGEST):
            body = in_memory(b"the body")
            assert line.add(job, body)
            os.close(body)
            found = end.next()
            assert found is not None
            assert found[0] == job
            with open(found[1].pop(), "rb") as file:
                assert file.read() == b"the body"
            assert found[1] == []


def test_nothing_stays_open_of_what_is_taken_back() -> None:
    before = open_descriptors()
    with lines() as (line, _):
        for job in (b"short", b"long" * LONGEST):
            body = in_memory(b"the body")
            assert line.add(job, body)
            os.close(body)
        assert line.take_back(0, 2) == 2
        with_both_ends = 3
        assert open_descriptors() == before + with_both_ends
    assert open_descriptors() == before


def test_a_full_socket_takes_no_more_and_nothing_is_lost() -> None:
    with lines() as (line, end):
        job = bytes(LONGEST)
        count = 0
        while line.add(job, None):
            count += 1
        assert count > 1
        assert end.taken() == job
        assert line.take_back(0, count) == count - 1


def test_when_the_server_lets_go_the_worker_finds_the_end_after_the_last_job() -> None:
    with lines() as (line, end):
        line.add(b"the last one", None)
        line.close()
        assert end.taken() == b"the last one"
        assert end.next() is None
        assert line.take_back(1, 0) == 0
        assert not line.add(b"too late", None)
