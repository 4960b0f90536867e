"""A full backup, sites to restore it to, and stores: a folder and a bucket."""

from __future__ import annotations

from asyncio import events
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.application.site import Site
from support.databases.database import Database, SqliteDatabase
from support.servers.s3_server import CREDENTIALS, S3Server
from support.sites.backups import back_up

from koyjabo.upkeep.backups.stores import Folder

ADMIN = {"ADMIN_EMAIL": "boss@example.com", "ADMIN_PASSWORD": "ferry at noon"}

CONTENTS = bytes(range(256)) * 640
"""Contents that are stored in three parts (see `place_limits`)."""


@pytest.fixture(scope="module")
def module_s3() -> Iterator[S3Server]:
    server = S3Server()
    yield server
    server.close()


@pytest.fixture
def s3(module_s3, monkeypatch) -> Iterator[S3Server]:
    """An empty bucket, and its credentials in the environment."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    module_s3.reset()
    # hide the browser's event loop, which would keep other loops from running in this thread
    running = events._get_running_loop()
    events._set_running_loop(None)
    yield module_s3
    events._set_running_loop(running)


@pytest.fixture
def folder(tmp_path) -> Folder:
    (tmp_path / "backups").mkdir()
    return Folder(tmp_path / "backups")


@pytest.fixture
def made(tmp_path) -> Path:
    """A new file to be stored."""
    path = tmp_path / "made"
    path.write_bytes(CONTENTS)
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def file(filled, tmp_path_factory) -> Path:
    with filled() as site:
        return back_up(site, tmp_path_factory.mktemp("backups") / "koyjabo.backup")


@pytest.fixture
def empty(sqlite_database):
    """A new database with its first admin."""
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
