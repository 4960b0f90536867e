"""SQLite files: who may read them, copies, and files that are replaced while connections are opened and closed."""

import fcntl
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from support.application.site import Site
from support.databases.database import SqliteDatabase
from support.programs.processes import run, wait_until
from support.programs.threads import SOON_S, in_thread

import config
from koyjabo.base.database import sqlite
from koyjabo.base.database.sqlite import connect

MOMENTS = BEFORE_OPENING, BEFORE_READING, WHILE_READING = "before opening", "before reading", "while reading"


@pytest.fixture
def path(tmp_path) -> Path:
    path = tmp_path / "live.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE visits (page TEXT)")
    return path


def pages(path: Path) -> list[str]:
    with closing(sqlite.connect(str(path))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [page for (page,) in connection.execute("SELECT page FROM visits")]


@contextmanager
def locked_record(path: Path) -> Iterator[int]:
    with open(f"{path}.opened", "a") as record:
        fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield os.fstat(record.fileno()).st_ino


def has_waiter(record: int) -> bool:
    return any("-> FLOCK" in line and f":{record} " in line for line in Path("/proc/locks").read_text().splitlines())


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_file_that_is_replaced_during_its_opening_is_opened_again(path, monkeypatch, moment):
    other = SqliteDatabase(path).remember().path
    link = path.with_name("link.db")
    link.symlink_to(path)
    open_file, execute = sqlite3.connect, sqlite.SqliteConnection.execute

    def reach(reached: str) -> None:
        if reached == moment and other.exists():
            other.replace(path)

    def open_meanwhile(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        reach(BEFORE_OPENING)
        connection = open_file(*args, **kwargs)
        reach(BEFORE_READING)
        return connection

    def execute_meanwhile(connection: sqlite.SqliteConnection, statement: str) -> sqlite3.Cursor:
        if "journal_mode" in statement:  # the first one
            reach(WHILE_READING)
            with pytest.raises(BlockingIOError), locked_record(path):
                pass  # no other connection can be opened or closed now
        return execute(connection, statement)

    with closing(sqlite.connect(str(link))) as old:
        old.execute("INSERT INTO visits VALUES ('only in the log of the old file')")
        if moment == WHILE_READING:
            Path(f"{path}.opened").unlink()  # as if only other programs had opened the old file
        with monkeypatch.context() as patch:
            patch.setattr(sqlite3, "connect", open_meanwhile)
            patch.setattr(sqlite.SqliteConnection, "execute", execute_meanwhile)
            new = sqlite.connect(str(link))
        with closing(new):
            assert not other.exists()
            new.execute("INSERT INTO visits VALUES ('new')")
            assert pages(link) == ["new"]
    assert pages(path) == ["new"]


def test_the_last_connection_to_a_file_is_not_closed_while_another_connection_is_opened(path):
    """It may delete the log of a new file, because SQLite deletes it by its name."""
    connection, log = sqlite.connect(str(path)), Path(f"{path}-wal")
    connection.execute("INSERT INTO visits VALUES ('kept')")
    with locked_record(path) as record:
        closed = in_thread(connection.close)
        wait_until(lambda: has_waiter(record), "the connection waits for the lock")
        assert log.exists()
    closed.result(SOON_S)
    assert not log.exists()
    assert pages(path) == ["kept"]


def test_a_write_ahead_log_with_the_inode_number_of_a_deleted_log_is_kept(path):
    """File systems give the number of a deleted file to a new one."""
    connection, log, same_number = sqlite.connect(str(path)), Path(f"{path}-wal"), path.with_name("same-number")
    same_number.hardlink_to(log)
    connection.close()
    assert not log.exists()
    SqliteDatabase(path).remember().path.replace(path)
    os.truncate(same_number, 0)
    same_number.rename(log)
    with closing(sqlite3.connect(path, isolation_level=None)) as program:
        program.execute("INSERT INTO visits VALUES ('theirs')")
        assert log.stat().st_size
        assert pages(path) == ["theirs"]


def test_a_new_connection_waits_for_a_program_that_has_locked_the_file(path, monkeypatch):
    attempts, tried_twice, try_to_open = [], Event(), sqlite._try_to_open

    def attempt(*args: Any) -> sqlite.SqliteConnection | None:
        attempts.append(args)
        if len(attempts) > 1:
            tried_twice.set()
        return try_to_open(*args)

    monkeypatch.setattr(sqlite, "_try_to_open", attempt)
    with closing(sqlite3.connect(path, isolation_level=None)) as program:
        program.execute("PRAGMA locking_mode = EXCLUSIVE")
        program.execute("INSERT INTO visits VALUES ('theirs')")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            sqlite.connect(str(path), 0)
        attempts.clear()
        opened = in_thread(lambda: sqlite.connect(str(path), SOON_S))
        assert tried_twice.wait(SOON_S)
    with closing(opened.result(SOON_S)) as connection:
        assert connection.execute("PRAGMA busy_timeout").fetchone() == (SOON_S * 1000,)
        assert pages(path) == ["theirs"]


@pytest.fixture(autouse=True)
def usual_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_only_the_owner_may_read_a_new_database(tmp_path):
    folder = tmp_path / "new"
    with Site(f"sqlite:///{folder}/koyjabo.db") as site:
        site.register()
        file_modes = modes(folder)
        assert {"koyjabo.db", "koyjabo.db-wal", "koyjabo.db-shm"} <= set(file_modes)
        assert set(file_modes.values()) == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_database_that_other_users_may_read_becomes_readable_only_by_its_owner(tmp_path):
    path = tmp_path / "koyjabo.db"
    with closing(connect(str(path))) as first:
        first.execute("CREATE TABLE t (x)")
        for file in tmp_path.iterdir():
            file.chmod(0o644)
        with closing(connect(str(path))) as second:
            second.execute("INSERT INTO t VALUES (1)")
            assert set(modes(tmp_path).values()) == {0o600}
        first.execute("INSERT INTO t VALUES (2)")


def test_a_check_of_the_file_mode_releases_no_lock(tmp_path):
    """Closing any descriptor of a file releases this process's locks on it."""
    path = tmp_path / "koyjabo.db"
    with closing(connect(str(path))) as writing:
        writing.execute("CREATE TABLE t (x)")
        writing.execute("BEGIN IMMEDIATE")
        with closing(connect(str(path))):
            pass
        ended = run("-c", f"import sqlite3; sqlite3.connect({str(path)!r}, timeout=0).execute('BEGIN IMMEDIATE')")
        assert "database is locked" in ended.stderr
        writing.execute("COMMIT")


def test_only_the_owner_may_open_the_instance_folder_even_if_it_existed_before(tmp_path):
    """Includes a folder that already existed."""
    instance = tmp_path / "instance"
    config.load({"ENVIRONMENT": "development"}, instance=instance)
    assert stat.S_IMODE(instance.stat().st_mode) == 0o700
    instance.chmod(0o755)
    config.protect_instance(instance)
    assert stat.S_IMODE(instance.stat().st_mode) == 0o700
    config.protect_instance(tmp_path / "missing")
