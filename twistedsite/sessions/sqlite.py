"""Sessions in an SQLite file: they survive restarts and crashes of the server, and hold JSON values only.

One server process owns the file, and the locks between requests are in its memory. Several sites may share a file; each
finds its own sessions only.
"""

from __future__ import annotations

import copy
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Concatenate, Final, ParamSpec, TypeVar

from twistedsite.sessions.interface import SessionData, SessionError
from twistedsite.sessions.locks import LockTable
from twistedsite.sessions.values import check_size, freeze_json, stored_name, thaw_json
from twistedsite.settings.server import SessionSettings

VERSION: Final = 2
"""Of the tables below, kept in the file as `user_version`."""

PURGE: Final = 100
"""Most expired sessions dropped in one go."""

_TABLES: Final = (
    "CREATE TABLE session (site TEXT NOT NULL, name BLOB NOT NULL, created REAL NOT NULL, used REAL NOT NULL,"
    " data BLOB NOT NULL, PRIMARY KEY (site, name))",
    "CREATE INDEX session_used ON session (site, used)",
    "CREATE INDEX session_created ON session (site, created)",
    f"PRAGMA user_version = {VERSION}",
)
_FROM_VERSION_1: Final = (
    "ALTER TABLE session RENAME TO old",
    "DROP INDEX session_used",
    "DROP INDEX session_created",
    *_TABLES,
    "INSERT INTO session SELECT '', name, created, used, data FROM old",
    "DROP TABLE old",
)
"""Version 1 had one site."""

P = ParamSpec("P")
T = TypeVar("T")


def _explained(method: Callable[Concatenate[SqliteStore, P], T]) -> Callable[Concatenate[SqliteStore, P], T]:
    """`method`, raising SessionError where SQLite fails."""

    @wraps(method)
    def explained(store: SqliteStore, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(store, *args, **kwargs)
        except (OSError, sqlite3.Error) as error:
            raise SessionError(f"the session file {store.path} cannot be used: {error}") from error

    return explained


class SqliteStore:
    """A ServerSessionStore in the file `path`. A new file gets mode 0600. `clock`: seconds since the epoch.

    Raises SessionError where the file cannot be used.
    """

    def __init__(self, path: str, settings: SessionSettings, clock: Callable[[], float]) -> None:
        self.path = os.path.abspath(path)
        self._settings = settings
        self._clock = clock
        self._locks = LockTable()
        self._guard = threading.Lock()
        self._site = ""
        self._db = self._connect()
        try:
            self._count = self._prepare()
        except BaseException:
            self._db.close()
            raise

    @_explained
    def for_site(self, site: str, settings: SessionSettings) -> SqliteStore:
        store = copy.copy(self)
        store._site, store._settings, store._locks = site, settings, LockTable()
        with self._guard:
            store._count = store._counted()
        return store

    @_explained
    def drop_older(self, seconds: float) -> None:
        with self._guard, self._db as db:
            db.execute("DELETE FROM session WHERE created <= ?", (self._clock() - seconds,))
            self._count = self._counted()

    def lock(self, id: str, timeout: float) -> AbstractContextManager[None]:
        return self._locks.lock(stored_name(id), timeout)

    @_explained
    def load(self, id: str) -> SessionData | None:
        name = stored_name(id)
        now = self._clock()
        with self._guard, self._db as db:
            row = db.execute(
                "SELECT data FROM session WHERE site = ? AND name = ? AND used > ? AND created > ?",
                (self._site, name, now - self._settings.idle, now - self._settings.absolute),
            ).fetchone()
            if row is None:
                return None
            db.execute("UPDATE session SET used = ? WHERE site = ? AND name = ?", (now, self._site, name))
        return thaw_json(row[0])

    @_explained
    def save(self, id: str, data: SessionData) -> None:
        name = stored_name(id)
        text = freeze_json(data)
        check_size(text, self._settings.size)
        now = self._clock()
        with self._guard, self._db as db:
            known = db.execute(
                "UPDATE session SET used = ?, data = ? WHERE site = ? AND name = ?", (now, text, self._site, name)
            ).rowcount
            if not known:
                db.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?)", (self._site, name, now, now, text))
                self._count += 1 - self._trim(db, now)

    @_explained
    def rename(self, old: str, new: str) -> None:
        with self._guard, self._db as db:
            db.execute(
                "UPDATE session SET name = ? WHERE site = ? AND name = ?",
                (stored_name(new), self._site, stored_name(old)),
            )

    @_explained
    def delete(self, id: str) -> None:
        with self._guard, self._db as db:
            deleted = db.execute("DELETE FROM session WHERE site = ? AND name = ?", (self._site, stored_name(id)))
            self._count -= deleted.rowcount

    @_explained
    def close(self) -> None:
        if not self._site:
            with self._guard:
                self._db.close()

    def __len__(self) -> int:
        return self._count

    def _trim(self, db: sqlite3.Connection, now: float) -> int:
        """Drop a batch of what has expired, and what was unused for longest above the limit; return how many went."""
        gone = 0
        for column, oldest in (("used", now - self._settings.idle), ("created", now - self._settings.absolute)):
            gone += self._drop(db, column, oldest, PURGE)
        excess = self._count + 1 - gone - self._settings.limit
        return gone + (self._drop(db, "used", now, min(excess, PURGE)) if excess > 0 else 0)

    def _drop(self, db: sqlite3.Connection, column: str, bound: float, limit: int) -> int:
        """Drop at most `limit` sessions whose `column` is at most `bound`, the oldest first; return how many went."""
        chosen = f"SELECT rowid FROM session WHERE site = ? AND {column} <= ? ORDER BY {column} LIMIT ?"
        return db.execute(f"DELETE FROM session WHERE rowid IN ({chosen})", (self._site, bound, limit)).rowcount

    @_explained
    def _connect(self) -> sqlite3.Connection:
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        # A write begins an IMMEDIATE transaction by itself; `with` ends it, or undoes it whatever was raised within.
        return sqlite3.connect(self.path, isolation_level="IMMEDIATE", check_same_thread=False)

    @_explained
    def _prepare(self) -> int:
        """Make the tables where there are none; return the number of sessions."""
        with self._guard, self._db as db:
            db.execute("PRAGMA journal_mode = WAL")
            # With WAL a crash of the server loses nothing that was saved, one of the machine the last moments at most.
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("BEGIN IMMEDIATE")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0 and not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                for statement in _TABLES:
                    db.execute(statement)
            elif version == 1:
                for statement in _FROM_VERSION_1:
                    db.execute(statement)
            elif version != VERSION:
                raise SessionError(f"{self.path} is not a session file that this version of the server knows")
            return self._counted()

    def _counted(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM session WHERE site = ?", (self._site,)).fetchone()[0])
