from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
import pytest_twisted
from site_files import logged
from twisted.internet import reactor, threads
from twisted.internet.defer import Deferred

from twistedsite.scripts.runners.mailbox import Mailbox


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox(reactor)
    yield made
    made.close()


@pytest_twisted.ensureDeferred
async def test_calls_are_made_in_the_reactor_s_thread_in_their_order(mailbox: Mailbox) -> None:
    made: list[tuple[int, int]] = []
    done: Deferred[None] = Deferred()

    def send() -> None:
        for number in range(1000):
            mailbox.callFromThread(lambda n: made.append((n, threading.get_ident())), number)
        mailbox.callFromThread(done.callback, None)

    await threads.deferToThread(send)
    await done
    assert made == [(number, threading.get_ident()) for number in range(1000)]


@pytest_twisted.ensureDeferred
async def test_no_wake_up_is_lost_however_many_threads_hammer(mailbox: Mailbox) -> None:
    # Each sender waits for its call to be made before the next one: one wake-up lost, and it waits for ever.
    rounds, senders = 400, 8
    finished: Deferred[None] = Deferred()
    left = [senders]

    def send() -> None:
        made = threading.Event()
        for _ in range(rounds):
            made.clear()
            mailbox.callFromThread(made.set)
            assert made.wait(20)
        mailbox.callFromThread(one_less)

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
async def test_a_call_that_fails_is_logged_and_the_next_one_is_made(mailbox: Mailbox) -> None:
    done: Deferred[None] = Deferred()
    with logged() as log:
        mailbox.callFromThread(lambda: [].pop())
        mailbox.callFromThread(done.callback, None)
        await done
    assert "a call from a script's thread failed" in log()


@pytest_twisted.ensureDeferred
async def test_a_flood_of_calls_leaves_the_reactor_its_other_work(mailbox: Mailbox) -> None:
    order: list[str] = []
    done: Deferred[None] = Deferred()

    def first() -> None:
        order.append("first")
        reactor.callLater(0, order.append, "other work")

    mailbox.callFromThread(first)
    for _ in range(5000):
        mailbox.callFromThread(lambda: None)
    mailbox.callFromThread(order.append, "last")
    mailbox.callFromThread(done.callback, None)
    await done
    assert order == ["first", "other work", "last"]


def test_a_call_after_the_end_is_dropped_and_touches_no_other_file() -> None:
    mailbox = Mailbox(reactor)
    mailbox.close()
    mailbox.close()
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    mailbox.callFromThread(lambda: None)
    with pytest.raises(BlockingIOError):
        os.read(reading, 1)
    os.close(reading)
    os.close(writing)
