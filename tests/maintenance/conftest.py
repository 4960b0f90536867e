"""A site with something in every table, its backup, and sites that it is restored to."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.app_fixtures import Site
from support.archive_world import fill
from support.backups import back_up
from support.databases import SqliteDatabase


@pytest.fixture(scope="module")
def full(module_database):
    with Site(module_database.url, STARTING_TOTAL=4000) as site:
        fill(site)
        yield site


@pytest.fixture(scope="module")
def file(full, tmp_path_factory) -> Path:
    return back_up(full, tmp_path_factory.mktemp("backups") / "koyjabo.backup")


@pytest.fixture
def empty(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


@pytest.fixture(params=["sqlite", "postgres"])
def target(request, tmp_path, postgres):
    """A new database of either kind: from each, and into each."""
    is_file = request.param == "sqlite"
    database = SqliteDatabase.migrated(tmp_path / "target.db") if is_file else postgres.new_database()
    with Site(database.url, ADMIN_EMAIL="first@example.com", ADMIN_PASSWORD="ferry at noon") as site:
        yield site
