"""The jobs in a worker's own socket: each is read once, by the worker or by the server."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from twistedsite.scripts.runners.workers.line import LONGEST, Line, LineEnd, in_memory


@contextmanager
def lines() -> Iterator[tuple[Line, LineEnd]]:
    """Both sides of one."""
    line = Line()
    with socket.socket(fileno=line.duplicate()) as connection:
        try:
            yield line, LineEnd(connection)
        finally:
            line.close()


def taken(end: LineEnd) -> bytes:
    """The next job, which has no descriptors."""
    found = end.next(int)
    assert found is not None
    assert found[1] == []
    return bytes(found[0])


def open_descriptors() -> int:
    """How many there are in this process."""
    return len(os.listdir("/proc/self/fd"))


def test_jobs_come_in_their_order() -> None:
    with lines() as (line, end):
        assert all(line.add(b"job %d" % number, None) for number in range(10))
        assert [taken(end) for _ in range(10)] == [b"job %d" % number for number in range(10)]


def test_what_has_not_been_taken_can_be_taken_back() -> None:
    with lines() as (line, end):
        for number in range(5):
            line.add(b"job %d" % number, None)
        assert taken(end) == b"job 0"
        assert line.take_back() == 4
        assert line.take_back() == 0
        line.add(b"another", None)
        assert taken(end) == b"another"


def test_of_two_who_take_at_the_same_time_each_job_is_one_ones() -> None:
    count = 2000
    with lines() as (line, end):
        found: list[bytes] = []

        def work() -> None:
            while (job := end.next(int)) is not None:
                found.append(bytes(job[0]))

        worker = threading.Thread(target=work)
        worker.start()
        back = 0
        for number in range(count):
            while not line.add(b"%d" % number, None):
                pass
            if number % 7 == 0:
                back += line.take_back()
        back += line.take_back()
        line.close()
        worker.join(timeout=60)
        assert len(found) + back == count
        assert found == sorted(set(found), key=int)


def test_a_long_job_comes_whole() -> None:
    before = open_descriptors()
    with lines() as (line, end):
        for size in (LONGEST, LONGEST + 1, 10 * 1024 * 1024):
            job = os.urandom(size)
            assert line.add(job, None)
            assert taken(end) == job
    assert open_descriptors() == before


def test_a_descriptor_comes_with_its_job_short_or_long() -> None:
    with lines() as (line, end):
        for job in (b"short", b"long" * LONGEST):
            body = in_memory(b"the body")
            assert line.add(job, body)
            os.close(body)
            found = end.next(int)
            assert found is not None
            assert bytes(found[0]) == job
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
        assert line.take_back() == 2
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
        assert taken(end) == job
        assert line.take_back() == count - 1


def test_when_the_server_lets_go_the_worker_finds_the_end_after_the_last_job() -> None:
    with lines() as (line, end):
        line.add(b"the last one", None)
        line.close()
        assert taken(end) == b"the last one"
        assert end.next(int) is None
        assert line.take_back() == 0
        assert not line.add(b"too late", None)
