"""Renewing and ending a session, and what can still be done once the page's head has been sent."""

from __future__ import annotations

import pytest
from visits import EXPIRED, FORGED, Watched, access, id_in, remember, remembered

from twistedsite.sessions.interface import SessionError, SessionStore

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
