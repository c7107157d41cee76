"""The jobs in a worker's own socket: each is read once, by the worker or by the server, and both know which it is."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from twistedsite.scripts.runners.workers.wire import job_queue
from twistedsite.scripts.runners.workers.wire.job_queue import LONGEST, JobQueue, JobReceiver, in_memory


class End:
    """The worker's side."""

    def __init__(self, connection: socket.socket) -> None:
        self._jobs = JobReceiver(connection)
        self.waits = 0

    def next(self) -> tuple[int, bytes, list[int]] | None:
        """The next job's number, the job, and its descriptors."""
        found = self._jobs.next(self.wait)
        return found and (found[0], bytes(found[1]), found[2])

    def taken(self) -> tuple[int, bytes]:
        """The next job, which has no descriptors."""
        found = self.next()
        assert found is not None
        assert found[2] == []
        return found[:2]

    def wait(self) -> None:
        """It has to wait for the next one."""
        self.waits += 1


@contextmanager
def ends() -> Iterator[tuple[JobQueue, End]]:
    """Both sides of a queue."""
    queue = JobQueue()
    with socket.socket(fileno=queue.duplicate()) as connection:
        try:
            yield queue, End(connection)
        finally:
            queue.close()


def open_descriptors() -> int:
    """How many there are in this process."""
    return len(os.listdir("/proc/self/fd"))


def test_jobs_come_in_their_order_with_their_numbers() -> None:
    with ends() as (queue, end):
        jobs = [(number, b"job %d" % number) for number in range(10)]
        assert all(queue.add(*job) for job in jobs)
        assert [end.taken() for _ in range(10)] == jobs
        assert end.waits == 0


def test_what_has_not_been_taken_can_be_taken_back() -> None:
    with ends() as (queue, end):
        for number in range(5):
            queue.add(number, b"job")
        assert end.taken() == (0, b"job")
        assert queue.take_back() == [1, 2, 3, 4]
        assert queue.take_back() == []
        queue.add(5, b"another")
        assert end.taken() == (5, b"another")


def test_a_worker_that_takes_one_in_the_middle_has_that_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with ends() as (queue, end):
        for number in range(5):
            queue.add(number, b"job %d" % number)
        taken: list[tuple[int, bytes]] = []
        receive = job_queue.receive

        def interrupted(*arguments: Any) -> tuple[bytes, list[int]]:
            found = receive(*arguments)
            if not taken:
                taken.append(end.taken())
            return found

        monkeypatch.setattr(job_queue, "receive", interrupted)
        assert queue.take_back() == [0, 2, 3, 4]
        assert taken == [(1, b"job 1")]


def test_of_two_who_take_at_the_same_time_each_has_what_the_other_has_not() -> None:
    count = 4000
    with ends() as (queue, end):
        taken: list[int] = []
        back: list[int] = []

        def work() -> None:
            while (job := end.next()) is not None:
                assert job[1] == b"%d" % job[0]
                taken.append(job[0])

        worker = threading.Thread(target=work)
        worker.start()
        for number in range(count):
            while not queue.add(number, b"%d" % number):
                pass
            if number % 7 == 0:
                back += queue.take_back()
        back += queue.take_back()
        queue.close()
        worker.join(timeout=60)
        assert sorted(taken + back) == list(range(count))
        assert taken == sorted(taken)
        assert back == sorted(back)
        assert min(len(taken), len(back)) > 0


def test_a_long_job_comes_whole() -> None:
    before = open_descriptors()
    with ends() as (queue, end):
        for number, size in enumerate((LONGEST, LONGEST + 1, 10 * 1024 * 1024)):
            job = os.urandom(size)
            assert queue.add(number, job)
            assert end.taken() == (number, job)
    assert open_descriptors() == before


def test_a_descriptor_comes_with_its_job_short_or_long() -> None:
    with ends() as (queue, end):
        for job in (b"short", b"long" * LONGEST):
            body = in_memory(b"the body")
            assert queue.add(7, job, body)
            os.close(body)
            found = end.next()
            assert found is not None
            assert found[:2] == (7, job)
            with open(found[2].pop(), "rb") as file:
                assert file.read() == b"the body"
            assert found[2] == []


def test_nothing_stays_open_of_what_is_taken_back() -> None:
    before = open_descriptors()
    with ends() as (queue, _):
        for number, job in enumerate((b"short", b"long" * LONGEST)):
            body = in_memory(b"the body")
            assert queue.add(number, job, body)
            os.close(body)
        assert queue.take_back() == [0, 1]
        with_both_ends = 3
        assert open_descriptors() == before + with_both_ends
    assert open_descriptors() == before


def test_a_full_socket_takes_no_more_and_nothing_is_lost() -> None:
    with ends() as (queue, end):
        job = bytes(LONGEST)
        count = 0
        while queue.add(count, job):
            count += 1
        assert count > 1
        assert end.taken() == (0, job)
        assert queue.take_back() == list(range(1, count))


def test_when_the_server_lets_go_the_worker_finds_the_end_after_the_last_job() -> None:
    with ends() as (queue, end):
        queue.add(0, b"the last one")
        queue.close()
        assert end.taken() == (0, b"the last one")
        assert end.next() is None
        assert queue.take_back() == []
        assert not queue.add(1, b"too late")
