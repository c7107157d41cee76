"""What a session is to a script, and how it is remembered from one request to the next."""

from __future__ import annotations

import re

import pytest
from visits import EXPIRED, FORGED, Watched, access, id_in, remember, remembered

from twistedsite.scripts.exchange.session import Session, SessionAccess
from twistedsite.sessions.interface import SessionStore

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
