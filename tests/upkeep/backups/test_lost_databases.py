"""A SQLite file that is missing or empty where a database has counted before, and folders with other sites' backups."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.application.site import Site, Time
from support.sites.full_site import in_context, quiet

from koyjabo import create_app
from koyjabo.base.core.errors import Unusable, UnusableDatabase
from koyjabo.base.database import sqlite
from koyjabo.upkeep.backups import cli as backups_cli
from koyjabo.upkeep.backups.backups import Backups
from koyjabo.upkeep.backups.folder import BackupFolder
from koyjabo.upkeep.recounts import cli


@pytest.fixture
def live(sqlite_database, folder) -> Iterator[Site]:
    """A closed site, which has counted a visit."""
    with Site(sqlite_database.url, STARTING_TOTAL=4000) as site:
        site.register("ayesha")
        yield site


def lose(site: Site) -> Path:
    """Close the site, and remove its database but for its lock file."""
    site.close()
    path = Path(site.database_url.removeprefix("sqlite:///"))
    for name in (path, f"{path}-wal", f"{path}-shm"):
        Path(name).unlink(missing_ok=True)
    sqlite._opened.clear()  # as in another process, which may create it
    return path


def run(command, site: Site, *arguments: str) -> str:
    """Run a command in this process, say yes if it asks, and return what it printed."""

    @contextmanager
    def application(creates: str):
        app = create_app(site.settings, creates=creates, creates_admin=False)
        with app.app_context():
            yield app.extensions["koyjabo"]
        app.extensions["koyjabo"].close()

    return CliRunner().invoke(command, arguments, obj=application, input="y\n", catch_exceptions=False).output


def test_a_lost_sqlite_file_is_not_begun_again_unless_the_operator_says_so(live):
    path = lose(live)
    for lost in (path.touch, path.unlink):
        lost()
        with pytest.raises(UnusableDatabase, match=r"empty, but the total was 4,001\. .* `koyjabo restore FILE`"):
            live.start()
        with pytest.raises(UnusableDatabase):
            run(cli.total, live, "set", "9")
    live.settings["STARTING_TOTAL"] = 7000
    assert "The total is 7,000." in run(cli.total, live, "begin")
    lose(live)
    live.start()  # nothing was counted above the total that it began with
    assert live.register("karim").ordinal == 7001


def test_a_backup_names_the_total_of_a_lost_sqlite_file_and_restores_it(live, folder):
    live.settings["BACKUP_DIR"] = str(folder)
    live.restart()
    with in_context(live):
        backup, _ = live.services[Backups].make(quiet)
    path = lose(live)
    os.unlink(f"{path}.lock")
    with pytest.raises(UnusableDatabase, match=f"the total was 4,001.*koyjabo restore {backup}"):
        live.start()
    assert "The total is 4,001." in run(backups_cli.restore, live, str(folder))
    live.start()
    assert live.register("karim").ordinal == 4002
    with in_context(live):
        live.services[Backups].make(quiet)


def test_a_folder_with_backups_of_another_site_is_refused(live, folder, module_sqlite_database):
    live.settings["BACKUP_DIR"] = str(folder)
    live.restart()
    with in_context(live):
        live.services[Backups].make(quiet)
    before = BackupFolder(folder).names()
    later = Time.at("2025-12-17T10:00:00+06:00")
    refusal = pytest.raises(Unusable, match="has backups of another site: the total of the newest is 4,001")
    with Site(module_sqlite_database.url, later, BACKUP_DIR=str(folder)) as other, in_context(other), refusal:
        other.services[Backups].make(quiet)
    assert BackupFolder(folder).names() == before
