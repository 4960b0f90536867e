"""A site with something in every table, its backup, and sites that it is restored to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.application.site import Site, Time
from support.databases.database import Database, SqliteDatabase
from support.sites.backups import back_up
from support.sites.full_site import fill

ADMIN = {"ADMIN_EMAIL": "boss@example.com", "ADMIN_PASSWORD": "ferry at noon"}


@pytest.fixture(scope="module")
def filled(module_database):
    """Opens the site on a copy of its database."""
    database = module_database.copy()  # other tests of the module find their database as it was
    with Site(database.url, STARTING_TOTAL=4000) as site:
        fill(site)

    @contextmanager
    def opened() -> Iterator[Site]:
        with Site(database.copy().url, Time(site.time.ms), STARTING_TOTAL=4000) as copy:
            yield copy

    return opened


@pytest.fixture
def full(filled):
    with filled() as site:
        yield site


@pytest.fixture(scope="module")
def file(filled, tmp_path_factory) -> Path:
    with filled() as site:
        return back_up(site, tmp_path_factory.mktemp("backups") / "koyjabo.backup")


@pytest.fixture
def empty(sqlite_database):
    """A new database, with its first admin."""
    with Site(sqlite_database.url, **ADMIN) as site:
        yield site


@pytest.fixture
def target(request, tmp_path, postgres):
    """The same, of the kind that a test names."""
    migrated: Database = (
        SqliteDatabase.migrated(tmp_path / "target.db") if request.param == "sqlite" else postgres.new_database()
    )
    with Site(migrated.url, **ADMIN) as site:
        yield site
