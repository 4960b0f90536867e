"""Automatic backups: each in a real process, with a clock set by the tests."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.application.site import Site
from support.programs.processes import wait_until

from koyjabo.base.core.errors import Unusable
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.core.runtime import unreported
from koyjabo.base.jobs import child_process
from koyjabo.base.jobs.child_process import Reporter
from koyjabo.upkeep.backups import backup
from koyjabo.upkeep.backups.backups import Backups, BackupState
from koyjabo.upkeep.backups.run import BackupRun, Inconsistent, prove
from koyjabo.upkeep.backups.stores import BackupStoreError, Folder, new_name

pytestmark = pytest.mark.usefixtures("usual_priority")

head_of = backup._head


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    for name in ("backups", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    return tmp_path / "backups"


@pytest.fixture
def site(sqlite_database, folder) -> Iterator[Site]:
    with Site(sqlite_database.url, BACKUP_DIR=str(folder)) as site:
        site.time.go_to("2025-12-16T03:29:59+06:00")
        yield site


def backups(site: Site) -> Backups:
    return site.services[Backups]


def state(site: Site) -> BackupState:
    return backups(site).state(OPERATOR)


def ended(site: Site) -> BackupState:
    """Wait until this worker is no longer making a backup, and return the state."""
    wait_until(lambda: backups(site)._process is None, "the backup has ended")
    return state(site)


def test_backup_is_made_at_its_time_and_verified(site, folder):
    site.register()
    before = site.contents()
    backups(site).tick()
    assert state(site).rows == []  # the first one is made at the next BACKUP_AT
    site.time.go_to("2025-12-16T03:30:00+06:00")
    backups(site).tick()
    made = ended(site)
    assert made.proven, made
    assert (made.proven.state, made.proven.total, made.proven.restored_total) == ("proven", 1, 1), made.proven
    assert Folder(folder).names() == [made.proven.name]
    names = [path.name for directory in (folder, folder.with_name("tmp")) for path in directory.iterdir()]
    assert names == [made.proven.name]  # and nothing else
    assert site.rows("SELECT count(*) FROM audit_log WHERE action = 'ledger.backup'") == [(1,)]
    assert site.contents() == before  # it was restored elsewhere
    backups(site).tick()
    assert len(state(site).rows) == 1  # once a day


def test_killed_process_leaves_earlier_backups_verified(site, folder, monkeypatch):
    """It is stopped as soon as it exists, so that it is killed before it ends."""
    lower_priority = child_process._lower_priority

    def lower_priority_and_stop(pid: int) -> None:
        lower_priority(pid)
        os.kill(pid, signal.SIGSTOP)

    monkeypatch.setattr(child_process, "_lower_priority", lower_priority_and_stop)
    backups(site).begin(OPERATOR)
    pid = wait_until(lambda: (made := backups(site)._process) and made._pid, "the process is there")
    assert os.getpriority(os.PRIO_PROCESS, pid) == 1
    os.kill(pid, signal.SIGKILL)
    made = ended(site)
    assert "-9" in made.failed.error
    assert (made.failed.step, made.proven, Folder(folder).names()) == ("writing", None, [])


def test_process_ends_when_the_worker_is_gone():
    program = (
        "import time; from koyjabo.base.jobs import child_process; child_process.end_with_parent(); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, process_group=0)
    child.stdin.close()
    assert child.wait(timeout=50) == -signal.SIGKILL


def test_folder_keeps_no_more_backups_while_the_bucket_refuses(sqlite_database, tmp_path, s3):
    """The backup runs in this process, without a request from a server."""
    with Site(sqlite_database.url) as site:
        site.register()
    s3.fault = lambda number: 403 if s3.calls and s3.calls[-1].startswith("PUT") else None
    places = {"backup_dir": str(tmp_path), "backup_to": s3.url("site"), "backup_keep": 1}
    plan = {"database_url": sqlite_database.url, **places}
    names = [new_name(day * 86_400_000) for day in range(2)]
    with open(os.devnull, "wb") as null:
        reporter = Reporter(null.fileno())
        for name in names:
            with pytest.raises(BackupStoreError, match="refused to"):
                BackupRun(name, reporter, plan).run()
    assert Folder(tmp_path).names() == names[-1:]
    assert reporter.report["step"] == "sending"
    assert not reporter.report.keys() & {"is_proven", "restored_total"}


class TestDrill:
    @pytest.fixture
    def made(self, site, tmp_path):
        """Make a backup of the site, and verify it in an empty folder."""

        def prove_now() -> None:
            with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
                path = Path(folder) / "made"
                with site.app.app_context():
                    head = backup.write(path, site.services.clock, unreported)
                prove(path, head, Path(folder), unreported, unreported)

        return prove_now

    def test_figures_have_to_agree(self, site, made, monkeypatch):
        site.register()
        with monkeypatch.context() as wrong:
            wrong.setattr(backup, "_head", lambda *about: head_of(*about)._replace(total=2))
            with pytest.raises(Unusable, match="has the total 1 of epoch"):
                made()
        site.rows("UPDATE counters SET visits = 7")
        with pytest.raises(Inconsistent, match=r"inconsistent: .*visits is 7") as why:
            made()
        assert why.value.result.details()["agrees"] is False
