"""A script's session: what it remembers, when it is saved, which cookie goes out, and who waits for whom."""

from __future__ import annotations

import itertools
import linecache
import re
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from twistedsite.scripts.session import Session, SessionAccess
from twistedsite.sessions.interface import SessionBusyError, SessionData, SessionError, SessionStore
from twistedsite.sessions.memory import MemoryStore
from twistedsite.sessions.stores import open_store
from twistedsite.settings.server import SessionSettings
from twistedsite.settings.units import Size

EXPIRED = "sessionId=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"


class Watched(MemoryStore):
    """Notes what is asked of it."""

    def __init__(self) -> None:
        super().__init__(SessionSettings(size=Size(1000)), lambda: 0.0)
        self.calls: list[str] = []

    def lock(self, id: str, timeout: float) -> AbstractContextManager[None]:
        self.calls.append(f"lock {timeout:g}")
        return super().lock(id, timeout)

    def load(self, id: str) -> SessionData | None:
        self.calls.append("load")
        return super().load(id)

    def save(self, id: str, data: SessionData) -> None:
        self.calls.append("save")
        super().save(id, data)

    def delete(self, id: str) -> None:
        self.calls.append("delete")
        super().delete(id)


@pytest.fixture
def store() -> Watched:
    return Watched()


@pytest.fixture(params=["memory", "sqlite"])
def each_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SessionStore]:
    spec = "memory" if request.param == "memory" else f"sqlite:{tmp_path}/s.db"
    store = open_store(spec, SessionSettings(), lambda: 0.0)
    yield store
    store.close()


def token_maker() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"{next(numbers):043}"


new_token = token_maker()


def access(store: SessionStore, cookie: str = "", secure: bool = False, timeout: float = 0.0) -> SessionAccess:
    return SessionAccess(store, cookie, secure, timeout, token=new_token, clock=lambda: 0.0)


def id_in(cookie: str | None) -> str:
    match = re.fullmatch(r"sessionId=([0-9A-Za-z_-]{43}); Path=/; HttpOnly; SameSite=Lax", cookie or "")
    assert match, cookie
    return match[1]


def remember(store: SessionStore, **data: object) -> str:
    """A session with `data`, by a request of its own; its id."""
    visit = access(store)
    for name, value in data.items():
        setattr(visit.open(), name, value)
    visit.close()
    return id_in(visit.set_cookie_value())


def remembered(store: SessionStore, id: str) -> dict[str, object]:
    visit = access(store, id)
    data = dict(vars(visit.open()))
    visit.close(save=False)
    return data


# What a script sees


def test_a_session_takes_any_attribute(store: Watched) -> None:
    session = access(store).open()
    assert not hasattr(session, "user")
    session.user = "ann"
    setattr(session, "with space", [1])
    assert hasattr(session, "user")
    assert session.user == "ann"
    assert vars(session) == {"user": "ann", "with space": [1]}
    assert list(session) == ["user", "with space"]
    del session.user
    assert not hasattr(session, "user")
    with pytest.raises(AttributeError, match="the session has no attribute 'user'"):
        del session.user
    with pytest.raises(AttributeError, match="the session has no attribute 'user'"):
        _ = session.user


@pytest.mark.parametrize("name", ["__class__", "__dict__", "__mine"])
def test_pythons_own_names_are_refused(store: Watched, name: str) -> None:
    session = access(store).open()
    with pytest.raises(AttributeError, match=f"a session cannot hold '{name}'"):
        setattr(session, name, {})
    with pytest.raises(AttributeError, match=f"a session cannot hold '{name}'"):
        delattr(session, name)
    assert isinstance(session, Session)


def test_a_request_has_one_session_object(store: Watched) -> None:
    visit = access(store, remember(store, n=1))
    assert visit.open() is visit.open()
    assert store.calls.count("load") == 1


def test_a_session_shows_itself_without_secrets(store: Watched) -> None:
    session = access(store).open()
    assert repr(session) == "<Session, empty>"
    session.user = "ann"
    session.password = "hunter2"
    session.cart = [{"token": "x"}]
    assert repr(session) == "<Session user='ann', password=(redacted), cart=(list)>"


# From one request to the next


def test_a_session_is_remembered_by_its_cookie(each_store: SessionStore) -> None:
    id = remember(each_store, user="ann")
    visit = access(each_store, id)
    assert visit.open().user == "ann"
    visit.open().seen = 1
    visit.close()
    assert visit.set_cookie_value() is None
    assert remembered(each_store, id) == {"user": "ann", "seen": 1}


def test_the_cookie_may_be_asked_for_before_saving(each_store: SessionStore) -> None:
    visit = access(each_store)
    visit.open().user = "ann"
    id = id_in(visit.set_cookie_value())
    visit.close()
    assert visit.set_cookie_value() is None
    assert remembered(each_store, id) == {"user": "ann"}


def test_the_cookie_is_secure_on_tls(store: Watched) -> None:
    visit = access(store, secure=True)
    visit.open().user = "ann"
    assert re.fullmatch(r"sessionId=\S{43}; Path=/; Secure; HttpOnly; SameSite=Lax", visit.set_cookie_value() or "")
    visit.close()


def test_an_id_is_256_random_bits(store: Watched) -> None:
    ids = set()
    for _ in range(100):
        visit = SessionAccess(store, "", False, 0.0)
        visit.open().n = 1
        visit.close()
        ids.add(id_in(visit.set_cookie_value()))
    assert len(ids) == 100


def test_a_change_within_a_value_is_saved(each_store: SessionStore) -> None:
    id = remember(each_store, cart={"things": [1]})
    visit = access(each_store, id)
    visit.open().cart["things"].append(2)
    visit.close()
    assert remembered(each_store, id) == {"cart": {"things": [1, 2]}}


def test_a_change_within_an_object_is_saved_in_memory(store: Watched) -> None:
    id = remember(store, seen={1})
    visit = access(store, id)
    visit.open().seen.add(2)
    visit.close()
    assert remembered(store, id) == {"seen": {1, 2}}


def test_a_session_that_was_only_read_is_not_saved(store: Watched) -> None:
    id = remember(store, user="ann")
    store.calls.clear()
    visit = access(store, id)
    visit.open().user = "ann"
    visit.close()
    assert "save" not in store.calls


def test_a_script_that_asks_for_no_session_costs_nothing(store: Watched) -> None:
    visit = access(store, remember(store, user="ann"))
    store.calls.clear()
    visit.close()
    assert visit.set_cookie_value() is None
    assert store.calls == []


def test_an_empty_session_is_neither_stored_nor_given_a_cookie(store: Watched) -> None:
    visit = access(store)
    visit.open().user = "ann"
    del visit.open().user
    visit.close()
    assert visit.set_cookie_value() is None
    assert store.calls == []


@pytest.mark.parametrize("cookie_first", [True, False])
def test_a_session_that_became_empty_is_deleted_and_its_cookie_expires(
    each_store: SessionStore, cookie_first: bool
) -> None:
    id = remember(each_store, user="ann")
    visit = access(each_store, id)
    del visit.open().user
    if cookie_first:
        assert visit.set_cookie_value() == EXPIRED
        visit.close()
    else:
        visit.close()
        assert visit.set_cookie_value() == EXPIRED
    assert each_store.load(id) is None


FORGED = "F" * 43


@pytest.mark.parametrize("cookie", [FORGED, "", "short", "x" * 44, "x" * 10_000, "ä" * 43, "../" * 15, "x" * 42 + "\n"])
def test_a_cookie_that_names_no_session_begins_a_fresh_one_under_a_new_id(
    each_store: SessionStore, cookie: str
) -> None:
    visit = access(each_store, cookie)
    assert vars(visit.open()) == {}
    visit.open().user = "ann"
    visit.close()
    id = id_in(visit.set_cookie_value())
    assert id != cookie
    assert each_store.load(id) == {"user": "ann"}
    assert each_store.load(FORGED) is None


@pytest.mark.parametrize("cookie", ["short", "x" * 10_000, "ä" * 43])
def test_a_malformed_cookie_is_not_even_looked_up(store: Watched, cookie: str) -> None:
    access(store, cookie).open()
    assert store.calls == []


def test_a_dead_cookie_is_not_expired_by_a_request_that_stores_nothing(store: Watched) -> None:
    # Another request of the visitor may have replaced it by a new one meanwhile.
    visit = access(store, FORGED)
    visit.open()
    visit.close()
    assert visit.set_cookie_value() is None


# Renewing and ending


def test_a_renewed_session_keeps_its_data_under_a_new_id(each_store: SessionStore) -> None:
    old = remember(each_store, cart=[1])
    visit = access(each_store, old)
    visit.open().user = "ann"
    visit.renew()
    visit.close()
    new = id_in(visit.set_cookie_value())
    assert new != old
    assert each_store.load(old) is None
    assert remembered(each_store, new) == {"cart": [1], "user": "ann"}


def test_a_renewed_session_without_other_change_moves_too(each_store: SessionStore) -> None:
    old = remember(each_store, cart=[1])
    visit = access(each_store, old)
    visit.renew()
    visit.renew()
    new = id_in(visit.set_cookie_value())
    visit.close()
    assert each_store.load(old) is None
    assert remembered(each_store, new) == {"cart": [1]}


def test_a_session_that_is_not_stored_yet_needs_no_renewal(store: Watched) -> None:
    visit = access(store, FORGED)
    visit.renew()
    visit.open().user = "ann"
    visit.renew()
    visit.close()
    assert remembered(store, id_in(visit.set_cookie_value())) == {"user": "ann"}
    assert len(store) == 1


def test_renewing_after_the_head_is_refused(store: Watched) -> None:
    id = remember(store, user="ann")
    visit = access(store, id)
    visit.open(head_sent=True)
    with pytest.raises(SessionError, match="the head of this page has been sent"):
        visit.renew()
    visit.close()
    assert remembered(store, id) == {"user": "ann"}


def test_a_renewal_that_cannot_be_saved_leaves_the_session_where_it_was(store: Watched) -> None:
    id = remember(store, user="ann")
    visit = access(store, id)
    visit.renew()
    visit.open().big = "x" * 2000
    with pytest.raises(SessionError, match="too large"):
        visit.close()
    assert remembered(store, id) == {"user": "ann"}
    assert len(store) == 1


@pytest.mark.parametrize("saved", [True, False])
def test_an_ended_session_is_gone_even_when_the_script_fails(each_store: SessionStore, saved: bool) -> None:
    id = remember(each_store, user="ann")
    visit = access(each_store, id)
    visit.end()
    assert vars(visit.open()) == {}
    visit.close(save=saved)
    assert visit.set_cookie_value() == EXPIRED
    assert each_store.load(id) is None


def test_a_session_begun_after_the_end_of_one_is_another(each_store: SessionStore) -> None:
    old = remember(each_store, user="ann")
    visit = access(each_store, old)
    visit.end()
    visit.open().user = "bob"
    visit.close()
    new = id_in(visit.set_cookie_value())
    assert new != old
    assert each_store.load(old) is None
    assert remembered(each_store, new) == {"user": "bob"}


def test_ending_a_session_that_was_never_stored_does_nothing(store: Watched) -> None:
    visit = access(store)
    visit.open().user = "ann"
    visit.end()
    visit.close()
    assert visit.set_cookie_value() is None
    assert len(store) == 0


# Heads that have been sent


@pytest.mark.parametrize("opened", ["before", "after"])
def test_a_new_session_after_the_head_is_a_clear_error(store: Watched, opened: str) -> None:
    visit = access(store)
    if opened == "before":
        visit.open()
        assert visit.set_cookie_value() is None
    session = visit.open(head_sent=True)
    with pytest.raises(SessionError, match="a new session needs a cookie, and the head of this page has been sent"):
        session.user = "ann"
    visit.close()
    assert len(store) == 0


def test_a_new_session_slipped_in_after_the_head_is_an_error_too(store: Watched) -> None:
    visit = access(store)
    vars(visit.open(head_sent=True))["user"] = "ann"
    with pytest.raises(SessionError, match="the head of this page has been sent"):
        visit.close()
    assert len(store) == 0


def test_a_session_that_has_its_cookie_changes_after_the_head_as_before(store: Watched) -> None:
    id = remember(store, user="ann")
    visit = access(store, id)
    visit.open(head_sent=True).user = "bob"
    visit.close()
    assert remembered(store, id) == {"user": "bob"}


def test_a_session_whose_cookie_was_expired_with_the_head_cannot_come_back(store: Watched) -> None:
    id = remember(store, user="ann")
    visit = access(store, id)
    del visit.open().user
    assert visit.set_cookie_value() == EXPIRED
    with pytest.raises(SessionError, match="the head of this page has been sent"):
        visit.open().user = "bob"
    visit.close()
    assert store.load(id) is None


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
