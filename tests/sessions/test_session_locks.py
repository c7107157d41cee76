"""The lock of a session: first come first served, bounded in time, gone when unused."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from twistedsite.sessions.interface import SessionBusyError
from twistedsite.sessions.locks import LockTable, QueuedLock


def test_names_that_nobody_holds_cost_nothing() -> None:
    table = LockTable()
    for number in range(1000):
        with table.lock(b"%d" % number, 1):
            assert len(table) == 1
    with pytest.raises(SessionBusyError), table.lock(b"a", 1), table.lock(b"a", 0):
        pass
    assert len(table) == 0


class Noticed:
    """A lock that tells when somebody begins to wait for it."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self.release = lock.release
        self.locked = lock.locked
        self.waiting = threading.Event()

    def acquire(self, timeout: float) -> bool:
        self.waiting.set()
        return self._lock.acquire(timeout=timeout)


def test_whoever_waits_gets_it_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    table = LockTable()
    order: list[int] = []

    def enter(lock: QueuedLock, number: int) -> None:
        with lock:
            order.append(number)

    with ThreadPoolExecutor(5) as pool, table.lock(b"a", 1):
        for number in range(5):
            lock = table.lock(b"a", 30)
            turn = Noticed(lock._turn)
            monkeypatch.setattr(lock, "_turn", turn)
            pool.submit(enter, lock, number)
            assert turn.waiting.wait(30)
        assert order == []
    assert order == [0, 1, 2, 3, 4]
    assert len(table) == 0


def test_leaving_is_harmless_before_entering_and_twice() -> None:
    table = LockTable()
    lock = table.lock(b"a", 1)
    lock.__exit__(None, None, None)
    with table.lock(b"a", 0):
        lock.__exit__(None, None, None)
        with pytest.raises(SessionBusyError), table.lock(b"a", 0):
            pass
    lock.__enter__()
    lock.__exit__(None, None, None)
    lock.__exit__(None, None, None)
    with table.lock(b"a", 0):
        pass


def test_who_gave_up_waiting_blocks_nobody() -> None:
    table = LockTable()
    first = table.lock(b"a", 1)
    first.__enter__()
    with pytest.raises(SessionBusyError), table.lock(b"a", 0.001):
        pass
    first.__exit__(None, None, None)
    with table.lock(b"a", 0):
        pass


def test_who_is_taken_out_of_the_queue_waits_no_longer() -> None:
    table = LockTable()
    with ThreadPoolExecutor(1) as pool, table.lock(b"a", 1):
        waiting = table.lock(b"a", 1000)
        noticed = waiting._turn = Noticed(waiting._turn)  # type: ignore[assignment]  # it is as good
        entered = pool.submit(waiting.__enter__)
        assert noticed.waiting.wait(10)
        waiting.__exit__(None, None, None)
        assert entered.result(10) is None
        waiting.__exit__(None, None, None)
    assert len(table) == 0
