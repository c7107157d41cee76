from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
import pytest_twisted
from site_files import logged
from twisted.internet import reactor, threads
from twisted.internet.defer import Deferred

from twistedsite.scripts.runners.threads.call_queue import CallQueue


@pytest.fixture
def call_queue() -> Iterator[CallQueue]:
    made = CallQueue(reactor)
    yield made
    made.close()


@pytest_twisted.ensureDeferred
async def test_calls_are_made_in_the_reactor_s_thread_in_their_order(call_queue: CallQueue) -> None:
    made: list[tuple[int, int]] = []
    done: Deferred[None] = Deferred()

    def send() -> None:
        for number in range(1000):
            call_queue.callFromThread(lambda n: made.append((n, threading.get_ident())), number)
        call_queue.callFromThread(done.callback, None)

    await threads.deferToThread(send)
    await done
    assert made == [(number, threading.get_ident()) for number in range(1000)]


@pytest_twisted.ensureDeferred
async def test_no_wake_up_is_lost_however_many_threads_hammer(call_queue: CallQueue) -> None:
    # Each sender waits for its call to be made before the next one: one wake-up lost, and it waits for ever.
    rounds, senders = 400, 8
    finished: Deferred[None] = Deferred()
    left = [senders]

    def send() -> None:
        made = threading.Event()
        for _ in range(rounds):
            made.clear()
            call_queue.callFromThread(made.set)
            assert made.wait(20)
        call_queue.callFromThread(one_less)

    def one_less() -> None:
        left[0] -= 1
        if not left[0]:
            finished.callback(None)

    hammers = [threading.Thread(target=send, daemon=True) for _ in range(senders)]
    for hammer in hammers:
        hammer.start()
    await finished.addTimeout(30, reactor)
    for hammer in hammers:
        hammer.join()


@pytest_twisted.ensureDeferred
async def test_a_call_that_fails_is_logged_and_the_next_one_is_made(call_queue: CallQueue) -> None:
    done: Deferred[None] = Deferred()
    with logged() as log:
        call_queue.callFromThread(lambda: [].pop())
        call_queue.callFromThread(done.callback, None)
        await done
    assert "a call from a script's thread failed" in log()


@pytest_twisted.ensureDeferred
async def test_a_flood_of_calls_leaves_the_reactor_its_other_work(call_queue: CallQueue) -> None:
    order: list[str] = []
    done: Deferred[None] = Deferred()

    def first() -> None:
        order.append("first")
        reactor.callLater(0, order.append, "other work")

    call_queue.callFromThread(first)
    for _ in range(5000):
        call_queue.callFromThread(lambda: None)
    call_queue.callFromThread(order.append, "last")
    call_queue.callFromThread(done.callback, None)
    await done
    assert order == ["first", "other work", "last"]


def test_a_call_after_the_end_is_dropped_and_touches_no_other_file() -> None:
    call_queue = CallQueue(reactor)
    call_queue.close()
    call_queue.close()
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    call_queue.callFromThread(lambda: None)
    with pytest.raises(BlockingIOError):
        os.read(reading, 1)
    os.close(reading)
    os.close(writing)
