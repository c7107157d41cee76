"""The sessions of several sites of one server: an id, a limit and a lock of one are nothing to another."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from twistedsite.sessions.sqlite import SqliteStore
from twistedsite.sessions.stores import SessionStores
from twistedsite.settings.server import SessionSettings


@pytest.fixture(params=["memory", "sqlite"])
def stores(request: pytest.FixtureRequest, tmp_path: Path, clock: Callable[[], float]) -> Iterator[SessionStores]:
    """The stores of a server."""
    spec = request.param if request.param == "memory" else f"sqlite:{tmp_path}/sessions.db"
    stores = SessionStores(spec, SessionSettings(), clock)
    yield stores
    stores.close()


def test_one_id_is_another_session_in_each_site(stores: SessionStores) -> None:
    ann, bob = (stores.of_site(name, SessionSettings()) for name in ("ann", "bob"))
    own = stores.default()
    for store, number in ((ann, 1), (bob, 2), (own, 3)):
        store.save("id", {"n": number})
    bob.rename("id", "new")
    assert (ann.load("id"), bob.load("id"), bob.load("new"), own.load("id")) == ({"n": 1}, None, {"n": 2}, {"n": 3})
    own.delete("id")
    assert (ann.load("id"), own.load("id")) == ({"n": 1}, None)


def test_a_site_that_fills_its_limit_drops_its_own_sessions_only(stores: SessionStores) -> None:
    ann = stores.of_site("ann", SessionSettings())
    ann.save("first", {"n": 1})
    bob = stores.of_site("bob", SessionSettings(limit=3))
    for number in range(10):
        bob.save(f"id{number}", {"n": number})
    assert [bob.load(f"id{number}") is not None for number in range(10)] == [False] * 7 + [True] * 3
    assert ann.load("first") == {"n": 1}


def test_a_lock_of_one_site_does_not_hold_another_up(stores: SessionStores) -> None:
    ann, bob = (stores.of_site(name, SessionSettings()) for name in ("ann", "bob"))
    with ann.lock("id", 0), bob.lock("id", 0):
        assert bob.load("id") is None


def test_a_file_knows_the_sessions_of_a_site_after_a_restart(tmp_path: Path, clock: Callable[[], float]) -> None:
    for expected in (None, {"n": 1}):
        stores = SessionStores(f"sqlite:{tmp_path}/s.db", SessionSettings(), clock)
        ann = stores.of_site("ann", SessionSettings(limit=2))
        assert ann.load("id") == expected
        ann.save("id", {"n": 1})
        stores.close()
    stores = SessionStores(f"sqlite:{tmp_path}/s.db", SessionSettings(), clock)
    ann = stores.of_site("ann", SessionSettings(limit=2))
    ann.save("b", {"n": 2})
    ann.save("c", {"n": 3})
    assert sum(ann.load(id) is not None for id in ("id", "b", "c")) == 2
    stores.close()


def test_sessions_of_a_site_that_is_no_more_go_in_their_time(tmp_path: Path, clock: Any) -> None:
    path = tmp_path / "s.db"
    stores = SessionStores(f"sqlite:{path}", SessionSettings(), clock)
    for name in ("ann", "gone"):
        stores.of_site(name, SessionSettings()).save("id", {"n": 1})
    clock.advance(50)
    stores.of_site("ann", SessionSettings()).save("young", {"n": 2})
    clock.advance(50)
    stores.close()
    stores = SessionStores(f"sqlite:{path}", SessionSettings(), clock)
    stores.drop_older(100)
    with sqlite3.connect(path) as file:
        assert file.execute("SELECT site, count(*) FROM session GROUP BY site").fetchall() == [("ann", 1)]
    file.close()
    assert stores.of_site("ann", SessionSettings()).load("young") == {"n": 2}
    stores.close()


def test_a_file_of_the_version_with_one_site_goes_on(tmp_path: Path, clock: Callable[[], float]) -> None:
    path = f"{tmp_path}/s.db"
    store = SqliteStore(path, SessionSettings(), clock)
    store.save("id", {"n": 1})
    store.close()
    with sqlite3.connect(path) as old:
        old.executescript("""
            ALTER TABLE session RENAME TO newer; DROP INDEX session_used; DROP INDEX session_created;
            CREATE TABLE session (name BLOB PRIMARY KEY, created REAL NOT NULL, used REAL NOT NULL, data BLOB NOT NULL);
            CREATE INDEX session_used ON session (used); CREATE INDEX session_created ON session (created);
            INSERT INTO session SELECT name, created, used, data FROM newer; DROP TABLE newer;
            PRAGMA user_version = 1;
        """)
    old.close()
    for _ in range(2):
        store = SqliteStore(path, SessionSettings(), clock)
        assert store.load("id") == {"n": 1}
        store.close()
