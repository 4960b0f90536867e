"""Only the owner may read the files of a database, under any umask."""

from __future__ import annotations

import os
import stat
from contextlib import closing
from pathlib import Path

import pytest
from support.application.site import Site
from support.programs.processes import run

import config
from koyjabo.base.database.sqlite import connect


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


def test_database_of_an_older_version_is_taken_away_from_others(tmp_path):
    path = tmp_path / "koyjabo.db"
    with closing(connect(str(path))) as first:
        first.execute("CREATE TABLE t (x)")
        for file in tmp_path.iterdir():
            file.chmod(0o644)
        with closing(connect(str(path))) as second:
            second.execute("INSERT INTO t VALUES (1)")
            assert set(modes(tmp_path).values()) == {0o600}
        first.execute("INSERT INTO t VALUES (2)")


def test_looking_at_the_mode_releases_no_lock(tmp_path):
    """Closing any descriptor of a file releases this process's locks on it, and another process could write in
    between.
    """
    path = tmp_path / "koyjabo.db"
    with closing(connect(str(path))) as writing:
        writing.execute("CREATE TABLE t (x)")
        writing.execute("BEGIN IMMEDIATE")
        with closing(connect(str(path))):
            pass
        script = f"import sqlite3; sqlite3.connect({str(path)!r}, timeout=0).execute('BEGIN IMMEDIATE')"
        ended = run("-c", script)
        assert "database is locked" in ended.stderr
        writing.execute("COMMIT")


def test_only_the_owner_may_open_the_instance_folder(tmp_path):
    """Includes a folder that already existed."""
    instance = tmp_path / "instance"
    config.load({"ENVIRONMENT": "development"}, instance=instance)
    assert stat.S_IMODE(instance.stat().st_mode) == 0o700
    instance.chmod(0o755)
    config.protect_instance(instance)
    assert stat.S_IMODE(instance.stat().st_mode) == 0o700
    config.protect_instance(tmp_path / "missing")
