"""The sessions of several sites of one server: an id, a limit and a lock of one are nothing to another."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twistedsite.sessions.interface import ServerSessionStore
from twistedsite.sessions.sqlite import SqliteStore
from twistedsite.sessions.stores import open_store
from twistedsite.settings.server import SessionSettings

StoreMaker = Callable[[], ServerSessionStore]


def test_one_id_is_another_session_in_each_site(make_store: StoreMaker) -> None:
    sessions = make_store()
    ann, bob = (sessions.for_site(name, SessionSettings()) for name in ("ann", "bob"))
    for store, number in ((ann, 1), (bob, 2), (sessions, 3)):
        store.save("id", {"n": number})
    bob.rename("id", "new")
    assert (ann.load("id"), bob.load("id"), bob.load("new"), sessions.load("id")) == (
        {"n": 1},
        None,
        {"n": 2},
        {"n": 3},
    )
    sessions.delete("id")
    assert (ann.load("id"), sessions.load("id")) == ({"n": 1}, None)


def test_a_site_that_fills_its_limit_drops_its_own_sessions_only(make_store: StoreMaker) -> None:
    sessions = make_store()
    ann = sessions.for_site("ann", SessionSettings())
    ann.save("first", {"n": 1})
    bob = sessions.for_site("bob", SessionSettings(limit=3))
    for number in range(10):
        bob.save(f"id{number}", {"n": number})
    assert [bob.load(f"id{number}") is not None for number in range(10)] == [False] * 7 + [True] * 3
    assert ann.load("first") == {"n": 1}


def test_a_lock_of_one_site_does_not_hold_another_up(make_store: StoreMaker) -> None:
    sessions = make_store()
    ann, bob = (sessions.for_site(name, SessionSettings()) for name in ("ann", "bob"))
    with ann.lock("id", 0), bob.lock("id", 0):
        assert bob.load("id") is None


def test_a_file_knows_the_sessions_of_a_site_after_a_restart(tmp_path: Path, clock: Callable[[], float]) -> None:
    for expected in (None, {"n": 1}):
        sessions = open_store(f"sqlite:{tmp_path}/s.db", SessionSettings(), clock)
        ann = sessions.for_site("ann", SessionSettings(limit=2))
        assert ann.load("id") == expected
        ann.save("id", {"n": 1})
        sessions.close()
    sessions = open_store(f"sqlite:{tmp_path}/s.db", SessionSettings(), clock)
    ann = sessions.for_site("ann", SessionSettings(limit=2))
    ann.save("b", {"n": 2})
    ann.save("c", {"n": 3})
    assert sum(ann.load(id) is not None for id in ("id", "b", "c")) == 2
    sessions.close()


def test_sessions_of_a_site_that_is_no_more_go_in_their_time(tmp_path: Path, clock: Any) -> None:
    path = tmp_path / "s.db"
    sessions = open_store(f"sqlite:{path}", SessionSettings(), clock)
    for name in ("ann", "gone"):
        sessions.for_site(name, SessionSettings()).save("id", {"n": 1})
    clock.advance(50)
    sessions.for_site("ann", SessionSettings()).save("young", {"n": 2})
    clock.advance(50)
    sessions.close()
    sessions = open_store(f"sqlite:{path}", SessionSettings(), clock)
    sessions.drop_older(100)
    with sqlite3.connect(path) as file:
        assert file.execute("SELECT site, count(*) FROM session GROUP BY site").fetchall() == [("ann", 1)]
    file.close()
    assert sessions.for_site("ann", SessionSettings()).load("young") == {"n": 2}
    sessions.close()


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
