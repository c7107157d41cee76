"""Scripts that fail or are interrupted, and requests of one visitor that come at the same time."""

from __future__ import annotations

import itertools
import linecache
import re
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import pytest
from visits import FORGED, Watched, access, id_in, remember, remembered

from twistedsite.scripts.exchange.session import SessionAccess
from twistedsite.sessions.interface import SessionBusyError, SessionError, SessionStore

# Failures


def test_a_script_that_fails_saves_nothing(each_store: SessionStore) -> None:
    id = remember(each_store, cart=[1])
    visit = access(each_store, id)
    visit.open().cart.append(2)
    visit.open().user = "ann"
    visit.renew()
    visit.close(save=False)
    assert remembered(each_store, id) == {"cart": [1]}


def test_closing_again_does_nothing(store: Watched) -> None:
    visit = access(store)
    visit.open().user = "ann"
    visit.close(save=False)
    visit.close()
    assert len(store) == 0


def test_a_session_is_released_though_it_cannot_be_saved(store: Watched) -> None:
    id = remember(store, user="ann")
    visit = access(store, id)
    visit.open().lock = threading.Lock()
    with pytest.raises(SessionError, match=r"session attribute 'lock' \(lock\) cannot be kept"):
        visit.close()
    assert remembered(store, id) == {"user": "ann"}


def test_a_session_is_released_though_the_store_fails(store: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    id = remember(store, user="ann")

    def broken(id: str) -> None:
        raise SessionError("disk on fire")

    visit = access(store, id)
    with monkeypatch.context() as patched:
        patched.setattr(store, "load", broken)
        with pytest.raises(SessionError, match="disk on fire"):
            visit.open()
    assert visit.open().user == "ann"
    visit.close()
    assert remembered(store, id) == {"user": "ann"}


class InterruptError(BaseException):
    """What a deadline does to a script."""


WITH = re.compile(r"\s*with ")


def interrupted_at(moment: int, action: Callable[[], object]) -> bool:
    """Run `action`, interrupted before the line numbered `moment` of those that it runs; False: it has fewer.

    Not at `with`: such a line comes up again on the way out, where CPython delivers no exception from elsewhere.
    """
    moments = itertools.count()

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        path = frame.f_code.co_filename
        counts = event == "line" and "/twistedsite/" in path and not WITH.match(linecache.getline(path, frame.f_lineno))
        if counts and next(moments) == moment:
            raise InterruptError
        return trace

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    except InterruptError:
        return True
    finally:
        sys.settrace(former)
    return False


def test_a_script_interrupted_anywhere_while_it_opens_its_session_blocks_nobody(each_store: SessionStore) -> None:
    id = remember(each_store, user="ann")
    for moment in itertools.count():
        visit = access(each_store, id)
        interrupted = interrupted_at(moment, visit.open)
        visit.close(save=False)
        assert remembered(each_store, id) == {"user": "ann"}
        if not interrupted:
            break
    assert moment > 30


def test_no_session_opens_after_the_request(store: Watched) -> None:
    visit = access(store)
    visit.close()
    with pytest.raises(SessionError, match="the request is over"):
        visit.open()


def test_a_session_takes_nothing_more_after_the_request(store: Watched) -> None:
    visit = access(store)
    session = visit.open()
    session.user = "ann"
    visit.close()
    with pytest.raises(SessionError, match="the request is over"):
        session.user = "bob"
    assert session.user == "ann"


# Two requests of one visitor


def test_a_second_request_waits_until_its_own_end_at_most(store: Watched) -> None:
    id = remember(store, user="ann")
    first = access(store, id)
    first.open()
    moments = iter([100.0, 107.5])
    store.calls.clear()
    late = SessionAccess(store, id, False, 7.51, clock=lambda: next(moments))
    with pytest.raises(SessionBusyError, match="another request of this visitor still holds the session"):
        late.open()
    assert store.calls == ["lock 0.01"]
    late.close()
    first.close()
    assert remembered(store, id) == {"user": "ann"}


def test_a_visitor_with_a_forged_cookie_holds_nothing(store: Watched) -> None:
    first = access(store, FORGED)
    first.open()
    access(store, FORGED).open()


def test_a_second_request_with_a_new_cookie_waits_for_the_first_to_save(each_store: SessionStore) -> None:
    first = access(each_store)
    first.open().n = 1
    id = id_in(first.set_cookie_value())
    with ThreadPoolExecutor(1) as pool:
        second = access(each_store, id, timeout=30)
        n = pool.submit(lambda: second.open().n)
        first.close()
        assert n.result() == 1
    second.close()


def test_simultaneous_requests_of_one_visitor_lose_no_update(each_store: SessionStore) -> None:
    id = remember(each_store, n=0, cart={"n": 0})

    def requests() -> None:
        for _ in range(50):
            visit = SessionAccess(each_store, id, False, 60)
            session = visit.open()
            session.n += 1
            session.cart["n"] += 1
            visit.close()

    with ThreadPoolExecutor(20) as pool:
        for done in [pool.submit(requests) for _ in range(20)]:
            done.result()
    assert remembered(each_store, id) == {"n": 1000, "cart": {"n": 1000}}
