"""A full backup, and sites to restore it to."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.application.site import Site
from support.databases.database import Database, SqliteDatabase
from support.sites.backups import back_up

ADMIN = {"ADMIN_EMAIL": "boss@example.com", "ADMIN_PASSWORD": "ferry at noon"}


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups"


@pytest.fixture(scope="module")
def file(filled, tmp_path_factory) -> Path:
    with filled() as site:
        return back_up(site, tmp_path_factory.mktemp("backups") / "koyjabo.backup")


@pytest.fixture
def empty(sqlite_database):
    with Site(sqlite_database.url, **ADMIN) as site:
        yield site


@pytest.fixture
def target(request, tmp_path, postgres):
    """A new database of the kind that a test names, with its first admin."""
    migrated: Database = (
        SqliteDatabase.migrated(tmp_path / "target.db") if request.param == "sqlite" else postgres.new_database()
    )
    with Site(migrated.url, **ADMIN) as site:
        yield site
