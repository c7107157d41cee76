"""The SQLite store's file: who may read it, what it survives, and what is said when it cannot be used."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from twistedsite.sessions import sqlite
from twistedsite.sessions.interface import SessionError
from twistedsite.sessions.sqlite import SqliteStore
from twistedsite.sessions.stores import open_store
from twistedsite.settings.load import SettingsError
from twistedsite.settings.server import SessionSettings


def clock() -> float:
    return 1_000_000.0


def test_sessions_survive_a_restart(tmp_path: Path) -> None:
    store = SqliteStore(f"{tmp_path}/s.db", SessionSettings(), clock)
    store.save("a", {"user": "ann"})
    store.close()
    store = SqliteStore(f"{tmp_path}/s.db", SessionSettings(), clock)
    assert store.load("a") == {"user": "ann"}
    assert len(store) == 1
    store.close()


@pytest.mark.process
def test_what_was_saved_survives_a_kill(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import itertools, sys
        from twistedsite.sessions.sqlite import SqliteStore
        from twistedsite.settings.server import SessionSettings

        store = SqliteStore(sys.argv[1], SessionSettings(), lambda: 1_000_000.0)
        for number in itertools.count():
            store.save(f"id {number}", {"n": number})
            print(number, flush=True)
    """)
    path = f"{tmp_path}/s.db"
    with subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(300):
            saved = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        for line in process.stdout:
            saved = int(line)
    assert saved >= 299
    store = SqliteStore(path, SessionSettings(), clock)
    assert [store.load(f"id {number}") for number in range(saved + 1)] == [{"n": n} for n in range(saved + 1)]
    store.close()


def test_the_files_belong_to_their_owner_alone(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        store = SqliteStore(f"{tmp_path}/s.db", SessionSettings(), clock)
        store.save("a", {"n": 1})
    finally:
        os.umask(mask)
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert files == {"s.db": 0o600, "s.db-wal": 0o600, "s.db-shm": 0o600}
    store.close()


def test_a_relative_path_and_sqlites_own_names_mean_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (":memory:", "s.db"):
        open_store(f"sqlite:{name}", SessionSettings(), clock).close()
        assert (tmp_path / name).is_file()


def test_a_file_that_cannot_be_opened_is_one_clear_fault(tmp_path: Path) -> None:
    for path in (f"{tmp_path}/missing/s.db", str(tmp_path), "/dev/null/s.db"):
        with pytest.raises(SettingsError, match=rf"^sessions: the session file {path} cannot be used: .+") as fault:
            open_store(f"sqlite:{path}", SessionSettings(), clock)
        assert "\n" not in str(fault.value)


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_a_file_that_is_no_database_is_one_clear_fault_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=rf"^sessions: the session file {path} cannot be used: .+"):
        open_store(f"sqlite:{path}", SessionSettings(), clock)
    assert path.read_bytes() == content


@pytest.mark.parametrize("statement", ["CREATE TABLE mine (x)", f"PRAGMA user_version = {sqlite.VERSION + 1}"])
def test_another_programs_or_a_later_versions_file_is_left_alone(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "s.db"
    db = sqlite3.connect(path)
    db.execute(statement)
    db.close()
    with pytest.raises(SettingsError, match="is not a session file that this version of the server knows"):
        open_store(f"sqlite:{path}", SessionSettings(), clock)


def test_a_file_damaged_while_in_use_is_a_session_error(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    store = SqliteStore(str(path), SessionSettings(), clock)
    store.save("a", {"n": 1})
    store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store._db.execute("PRAGMA cache_size = 0")
    content = path.read_bytes()
    path.write_bytes(content[:200] + b"\xff" * (len(content) - 200))
    with pytest.raises(SessionError, match="cannot be used"):
        store.load("a")
    store.close()


def test_a_store_that_is_closed_says_so(tmp_path: Path) -> None:
    store = SqliteStore(f"{tmp_path}/s.db", SessionSettings(), clock)
    store.close()
    store.close()
    with pytest.raises(SessionError, match="cannot be used: Cannot operate on a closed database"):
        store.load("a")


def test_a_damaged_row_is_a_session_error(tmp_path: Path) -> None:
    store = SqliteStore(f"{tmp_path}/s.db", SessionSettings(), clock)
    store.save("a", {"n": 1})
    with store._db as db:
        db.execute("UPDATE session SET data = '{'")
    with pytest.raises(SessionError, match="a stored session is damaged"):
        store.load("a")
    store.close()


def test_a_failed_save_leaves_the_former_data_and_the_store_usable(tmp_path: Path) -> None:
    store = SqliteStore(f"{tmp_path}/s.db", SessionSettings(), clock)
    store.save("a", {"n": 1})
    store._db.execute("PRAGMA query_only = ON")
    with pytest.raises(SessionError, match="readonly"):
        store.save("a", {"n": 2})
    with pytest.raises(SessionError, match="readonly"):
        store.save("b", {"n": 2})
    store._db.execute("PRAGMA query_only = OFF")
    assert store.load("a") == {"n": 1}
    store.save("a", {"n": 3})
    assert store.load("a") == {"n": 3}
    assert len(store) == 1
    store.close()
