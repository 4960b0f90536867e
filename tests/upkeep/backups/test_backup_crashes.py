"""The backup process is killed at each step, or its disk is full: nothing incomplete gets a final name, earlier
verified backups remain, and the next backup is verified.
"""

import os
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.application.site import Site
from support.programs.processes import wait_until

from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.jobs.child_process import ChildProcess
from koyjabo.upkeep.backups.backup_queries import KEEPING, RESTORING, ROTATING, VERIFYING, WRITING
from koyjabo.upkeep.backups.backups import Backups, BackupState
from koyjabo.upkeep.backups.stores import Folder

VISITS = 200
PROVED_BY = "upkeep/backups/test_backups.py::test_killed_process_leaves_earlier_backups_verified"


@pytest.fixture
def folder(tmp_path, monkeypatch, usual_priority) -> Path:
    for name in ("backups", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    return tmp_path / "backups"


@pytest.fixture
def site(database, folder) -> Iterator[Site]:
    with Site(database.url, BACKUP_DIR=str(folder), BACKUP_KEEP="1") as site:
        for visitor in range(VISITS):
            site.register(f"visitor_{visitor}")
        yield site


def backups(site: Site) -> Backups:
    return site.services[Backups]


def begin(site: Site) -> ChildProcess:
    site.time.pass_(seconds=1)
    backups(site).begin(OPERATOR)
    child = backups(site)._process
    assert child is not None
    return child


def ended(site: Site) -> BackupState:
    wait_until(lambda: backups(site)._process is None, "the backup has ended")
    return backups(site).state(OPERATOR)


def left(folder: Path) -> list[str]:
    """Files in the two folders that are not finished backups."""
    names = Folder(folder).names()
    return [
        path.name
        for directory in (folder, folder.parent / "tmp")
        for path in directory.iterdir()
        if path.name not in names
    ]


def kill_at(child: ChildProcess, step: str) -> None:
    while child.status is None and not (child._pid and child.report().get("step") == step):
        time.sleep(0.0005)
    if child._pid:
        os.kill(child._pid, signal.SIGKILL)


@pytest.mark.long(proved_by=PROVED_BY)
@pytest.mark.parametrize("step", [WRITING, KEEPING, RESTORING, VERIFYING, ROTATING])
def test_killed_at_a_step(site, folder, step):
    begin(site)
    first = ended(site).proven
    assert first
    kill_at(begin(site), step)
    state = ended(site)
    assert state.proven
    assert {first.name, state.proven.name} & {*Folder(folder).names()}  # the latest verified backup is there
    if state.failed:  # the kill was in time
        assert state.proven.id == (first if state.failed.proven_ms is None else state.failed).id
        assert "-9" in state.failed.error
    begin(site)
    state = ended(site)
    assert (state.failed, state.proven.restored_total) == (None, VISITS)
    assert (Folder(folder).names(), left(folder)) == ([state.proven.name], [])


@pytest.mark.long(proved_by=PROVED_BY)
@pytest.mark.both_kinds
def test_backup_of_either_database_while_visits_are_registered(site, folder):
    child = begin(site)
    more = 0
    while child.status is None:
        site.register(f"later_{more}")
        more += 1
    state = ended(site)
    assert state.failed is None
    assert VISITS <= state.proven.total == state.proven.restored_total <= VISITS + more
    assert more


@pytest.mark.long(proved_by=PROVED_BY)
@pytest.mark.parametrize("most_bytes", [1_000, 4_096, 300_000])
def test_disk_that_takes_no_more(site, folder, most_bytes):
    """A file size limit simulates this for the copy, the backup and the restored file."""
    begin(site)
    first = ended(site).proven
    child = begin(site)
    limits = (most_bytes, most_bytes)
    resource.prlimit(wait_until(lambda: child._pid, "the process is there"), resource.RLIMIT_FSIZE, limits)
    state = ended(site)
    assert state.failed.error
    assert (state.proven.id, left(folder)) == (first.id, [])
    begin(site)
    assert ended(site).failed is None


@pytest.fixture
def site_with_a_bucket(sqlite_database, folder, s3) -> Iterator[Site]:
    stores = {"BACKUP_DIR": str(folder), "BACKUP_TO": s3.url("site")}
    with Site(sqlite_database.url, BACKUP_KEEP="1", **stores) as site:
        site.register()
        yield site


@pytest.mark.long(proved_by=PROVED_BY)
@pytest.mark.parametrize("step", ["sending", "fetching"])
def test_killed_at_a_later_step(site_with_a_bucket, folder, s3, step):
    site = site_with_a_bucket
    begin(site)
    first = ended(site).proven
    whole = s3.objects[f"site/{first.name}"]
    kill_at(begin(site), step)
    state = ended(site)
    assert {first.name, state.proven.name} <= {*Folder(folder).names()}
    assert s3.objects[f"site/{first.name}"] == whole or state.failed is None
    begin(site)
    state = ended(site)
    assert (state.failed, Folder(folder).names(), left(folder)) == (None, [state.proven.name], [])
    assert [*s3.objects] == [f"site/{state.proven.name}"]
