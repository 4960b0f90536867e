"""One backup in this process, without a server that asked for it."""

from __future__ import annotations

import os

import pytest
from support.application.site import Site

from koyjabo.jobs.reporter import Reporter
from koyjabo.maintenance.backups.places import BackupPlaceError, new_name
from koyjabo.maintenance.backups.report import FETCHING, SENDING, BackupReport
from koyjabo.maintenance.backups.run import BackupRun


@pytest.fixture
def reporter():
    null = os.open(os.devnull, os.O_WRONLY)
    yield Reporter(BackupReport(), null)
    os.close(null)


QUICK = "maintenance/backups/test_backup_run.py::test_folder_keeps_no_more_backups_while_the_bucket_refuses"


def test_folder_keeps_no_more_backups_while_the_bucket_refuses(sqlite_database, folder, s3, reporter):
    refuse(sqlite_database, folder, s3, reporter, SENDING, "PUT")


@pytest.mark.long(proved_by=QUICK)
def test_folder_keeps_no_more_backups_while_the_bucket_gives_none_back(sqlite_database, folder, s3, reporter):
    refuse(sqlite_database, folder, s3, reporter, FETCHING, "GET")


def refuse(database, folder, s3, reporter, step, method) -> None:
    """Make backups, in each of which the bucket refuses all calls by this method."""
    with Site(database.url) as site:
        site.register()
    s3.fault = lambda number: 403 if s3.calls and s3.calls[-1].startswith(method) else None
    plan = {
        "database_url": database.url,
        "backup_dir": str(folder.path),
        "backup_to": s3.url("site"),
        "backup_keep": 1,
    }
    names = [new_name(day * 86_400_000) for day in range(2)]
    for name in names:
        with pytest.raises(BackupPlaceError, match="refused to"):
            BackupRun(name, reporter, plan).run()
    assert folder.names() == names[-1:]
    assert (reporter.report.step, reporter.report.is_proven, reporter.report.restored_total) == (step, False, None)
