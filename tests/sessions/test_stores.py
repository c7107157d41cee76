"""What every session store does, whatever it keeps its sessions in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from twistedsite.sessions.interface import SessionBusyError, SessionError
from twistedsite.sessions.stores import open_store
from twistedsite.settings.load import SettingsError
from twistedsite.settings.server import SessionSettings

StoreMaker = Callable[..., Any]


class HandClock(Protocol):
    def __call__(self) -> float: ...

    def advance(self, seconds: float) -> None: ...


def test_what_is_saved_is_loaded(make_store: StoreMaker) -> None:
    store = make_store()
    assert store.load("a") is None
    store.save("a", {"user": "ann", "cart": [1, {"x": None}]})
    store.save("b", {"user": "bob"})
    assert store.load("a") == {"user": "ann", "cart": [1, {"x": None}]}
    store.save("a", {"n": 2})
    assert store.load("a") == {"n": 2}
    assert store.load("b") == {"user": "bob"}


def test_what_is_not_saved_does_not_leak(make_store: StoreMaker) -> None:
    store = make_store()
    data = {"cart": [1]}
    store.save("a", data)
    data["cart"].append(2)
    loaded = store.load("a")
    assert loaded == {"cart": [1]}
    loaded["cart"].append(3)
    assert store.load("a") == {"cart": [1]}


def test_a_deleted_session_is_gone(make_store: StoreMaker) -> None:
    store = make_store()
    store.save("a", {"n": 1})
    store.delete("a")
    store.delete("never there")
    assert store.load("a") is None


def test_a_renamed_session_is_found_by_its_new_id_only(make_store: StoreMaker) -> None:
    store = make_store()
    store.save("a", {"n": 1})
    store.rename("a", "b")
    store.rename("never there", "c")
    assert store.load("a") is None
    assert store.load("b") == {"n": 1}
    assert store.load("c") is None


def test_a_session_that_nobody_uses_ends(make_store: StoreMaker, clock: HandClock) -> None:
    store = make_store(idle=100, absolute=1000)
    store.save("a", {"n": 1})
    clock.advance(99)
    assert store.load("a") == {"n": 1}
    clock.advance(99)
    assert store.load("a") == {"n": 1}
    clock.advance(100)
    assert store.load("a") is None


def test_a_session_ends_however_much_it_is_used_or_renamed(make_store: StoreMaker, clock: HandClock) -> None:
    store = make_store(idle=100, absolute=200)
    store.save("a", {"n": 1})
    clock.advance(90)
    store.save("a", {"n": 2})
    clock.advance(90)
    store.rename("a", "b")
    assert store.load("b") == {"n": 2}
    clock.advance(19)
    assert store.load("b") == {"n": 2}
    clock.advance(1)
    assert store.load("b") is None


def test_beyond_the_limit_the_least_recently_used_goes_first(make_store: StoreMaker, clock: HandClock) -> None:
    store = make_store(limit=3)
    for id in "abc":
        store.save(id, {"id": id})
        clock.advance(1)
    store.load("a")
    clock.advance(1)
    store.save("d", {"id": "d"})
    assert [id for id in "abcd" if store.load(id)] == ["a", "c", "d"]


def test_expired_sessions_make_room(make_store: StoreMaker, clock: HandClock) -> None:
    store = make_store(idle=10, absolute=50)
    for number in range(250):
        store.save(f"old {number}", {"n": number})
    clock.advance(10)
    for number in range(3):
        store.save(f"new {number}", {"n": number})
    assert len(store) == 3


@pytest.mark.parametrize("limit", [1, 5])
def test_a_session_just_saved_is_never_the_one_that_goes(make_store: StoreMaker, limit: int) -> None:
    store = make_store(limit=limit)
    for number in range(20):
        store.save(f"{number}", {"n": number})
        assert store.load(f"{number}") == {"n": number}
    assert len(store) == limit


def test_too_large_a_session_is_refused_and_the_former_stays(make_store: StoreMaker) -> None:
    store = make_store(size=100)
    store.save("a", {"n": "x" * 92})
    with pytest.raises(SessionError, match="too large: 101 bytes"):
        store.save("a", {"n": "x" * 93})
    assert store.load("a") == {"n": "x" * 92}


def test_a_store_keeps_no_id(tmp_path: Path, clock: HandClock) -> None:
    store = open_store(f"sqlite:{tmp_path}/s.db", SessionSettings(), clock)
    store.save("the-id-in-the-cookie", {"n": 1})
    assert all(b"the-id-in-the-cookie" not in path.read_bytes() for path in tmp_path.iterdir())
    store.close()


def test_a_session_has_one_holder_at_a_time(make_store: StoreMaker) -> None:
    store = make_store()
    with store.lock("a", 1), store.lock("b", 1), pytest.raises(SessionBusyError), store.lock("a", 0):
        pass
    with store.lock("a", 0):
        pass


@pytest.mark.parametrize("spec", ["", "memory:", "sqlite", "sqlite:", "redis:localhost", "Memory"])
def test_an_unknown_kind_of_store_is_a_fault_of_the_settings(spec: str, clock: HandClock) -> None:
    with pytest.raises(SettingsError, match=r"sessions: expected memory or sqlite:PATH, got"):
        open_store(spec, SessionSettings(), clock)
