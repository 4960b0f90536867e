"""Database changes at the start and end of a backup, without the process that makes it."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.application.site import SPEC_MOMENT, Site
from support.people.accounts import confirm
from support.people.communities import site_admin
from support.programs.processes import METRICS_TOKEN
from support.sites.backup_rows import add_backup, add_failure, add_running

from koyjabo.base.core.errors import BackupsOff, BackupUnderWay, Forbidden
from koyjabo.base.core.identity import OPERATOR, Account
from koyjabo.base.jobs.child_process import Report
from koyjabo.base.models import Backup
from koyjabo.people.audit import log as audit
from koyjabo.upkeep.backups import backup_queries
from koyjabo.upkeep.backups.backups import STOPPED, Backups, store_end

MAIL = {"SMTP_URL": "smtp://127.0.0.1:1?from=live@example.com", "PUBLIC_URL": "https://example.com"}
FIGURES = {"rows": 30, "bytes": 900, "made_ms": 1, "epoch": 5, "total": 12}
FAILED = {"step": "sending", **FIGURES, "error": "The bucket does not exist."}
PROVEN = {"step": "rotating", **FIGURES, "restored_total": 12, "is_proven": True, "is_done": True}


@pytest.fixture
def site(database, tmp_path) -> Iterator[Site]:
    with Site(database.url, BACKUP_DIR=str(tmp_path), **MAIL) as site:
        yield site


def backups(site: Site) -> Backups:
    return site.services[Backups]


def begun(site: Site) -> Backup:
    row = backups(site)._begin("")
    assert row is not None
    return row


def end(site: Site, row: Backup, report: Report, by: Account = OPERATOR) -> Backup | None:
    actor = audit.actor(by, site.services.clock)
    return backups(site)._database.write(store_end, row, report, actor, backups(site)._mails)


def names(site: Site) -> list[str]:
    return [row.name for row in backups(site).state(OPERATOR).rows]


def count(site: Site, what: str) -> int:
    return site.rows(f"SELECT count(*) FROM {what}")[0][0]


@pytest.mark.both_kinds
def test_one_of_many_servers_begins_the_backup(site):
    """The servers have separate connections. Afterwards none starts another backup."""
    site.rows("INSERT INTO nightly_work (name, day, worker, seen_ms) VALUES ('backups', '', '', 0)")
    with (
        Site(site.database_url, site.time, BACKUP_DIR="/") as second,
        Site(site.database_url, site.time, BACKUP_DIR="/") as third,
    ):
        servers = [backups(server) for server in (site, second, third)]
        with ThreadPoolExecutor(3) as threads:
            begun = list(threads.map(Backups._begin_due, servers))
        assert len([row for row in begun if row]) == 1
        assert [server._begin("Nadia") for server in servers] == [None] * 3


def test_failure_is_emailed_once_until_a_backup_succeeds(site):
    """Admins with a confirmed email receive one email."""
    site_admin(site, "nadia")
    confirm(site, "nadia")
    site_admin(site, "omar")
    mails = "outbox WHERE kind = 'backup_failed' AND email = 'nadia@example.com'"
    for report, sent_so_far in ((FAILED, 1), (FAILED, 1), (PROVEN, 1), (FAILED, 2)):
        assert end(site, begun(site), report)
        assert count(site, mails) == sent_so_far
        site.time.pass_(hours=2)
    assert count(site, "outbox WHERE kind = 'backup_failed'") == 2
    assert backups(site).state(OPERATOR).failed.error == "The bucket does not exist."


def test_verified_backup_is_audited(site):
    row = begun(site)
    assert end(site, row, PROVEN)
    details = site.rows("SELECT details FROM audit_log WHERE action = 'ledger.backup'")
    assert [json.loads(detail) for (detail,) in details] == [{"rows": 30, "total": 12, "proven": True}]
    assert not end(site, row, PROVEN)  # a worker repeats it after its first attempt seemed to time out
    assert count(site, "audit_log WHERE action = 'ledger.backup'") == 1


def test_problems_in_a_restored_backup_are_reported_like_other_recounts(site):
    outcome = {"agrees": False, "problems": ["one", "two"], "problem_count": 2, "rows": 3}
    assert end(site, begun(site), FAILED | {"recount": outcome})
    details = site.rows("SELECT details FROM audit_log WHERE action = 'ledger.recounted'")
    assert [json.loads(detail) for (detail,) in details] == [{**outcome, "seconds": 0.0}]


def test_verified_backup_stays_verified_when_a_later_step_fails(site):
    """Removing old backups from the bucket is such a step."""
    row = begun(site)
    assert end(site, row, PROVEN | {"is_done": False, "error": "The bucket refuses."})
    state = backups(site).state(OPERATOR)
    assert (state.proven.name, state.failed.name) == (row.name, row.name)


def test_rows_are_kept_with_their_files_and_a_month_for_failures(site):
    _gone, kept = add_backup(site, 48), add_backup(site, 24)
    add_failure(site, 31 * 24), (late := add_failure(site, 29 * 24))
    row = begun(site)
    assert end(site, row, PROVEN | {"kept": [kept, row.name]})
    assert names(site) == [row.name, late, kept]


def test_backup_of_a_dead_worker_fails_and_another_begins(site):
    site.rows("INSERT INTO nightly_work (name, day, worker, seen_ms) VALUES ('backups', '', '', 0)")
    add_running(site, seen_ms=site.time.ms)
    assert backups(site).state(OPERATOR).running
    assert backups(site)._begin_due() is None
    site.time.pass_(minutes=2, milliseconds=1)
    assert backups(site).state(OPERATOR).failed.error == STOPPED
    backups(site)._end_dead()
    assert site.rows("SELECT state, step, error FROM backups") == [("failed", "restoring", STOPPED)]
    assert backups(site)._begin_due()


def test_every_server_sees_progress_which_counts_as_a_heartbeat(site):
    row = begun(site)
    site.time.pass_(minutes=1, seconds=59)
    assert backups(site)._renewed(row, {"step": "restoring", "done": 5, "goal": 9})
    site.time.pass_(minutes=1, seconds=59)
    with Site(site.database_url, site.time) as second:
        running = backups(second).state(OPERATOR).running
    assert (running.step, running.done, running.goal) == ("restoring", 5, 9)


def test_worker_considered_dead_cannot_end_a_backup(site):
    row = begun(site)
    site.time.pass_(minutes=3)
    backups(site)._end_dead()
    assert not backups(site)._renewed(row, {})
    assert not end(site, row, PROVEN)
    assert site.rows("SELECT state FROM backups") == [("failed",)]


def test_one_of_two_workers_that_see_a_dead_backup_logs_its_end(site, monkeypatch, caplog):
    begun(site)
    site.time.pass_(minutes=3)
    dead = backups(site)._database.read(backup_queries.running)
    monkeypatch.setattr(backup_queries, "running", lambda session: dead)
    with Site(site.database_url, site.time) as second:
        backups(site)._end_dead()
        backups(second)._end_dead()
    assert caplog.text.count("backup_failed") == 1


def test_admins_begin_one_at_a_time(site):
    nadia = site_admin(site, "nadia")
    with pytest.raises(Forbidden):
        backups(site).begin(nadia._replace(is_admin=False, is_viewer=True))
    row = begun(site)
    with pytest.raises(BackupUnderWay):
        backups(site).begin(nadia)
    end(site, row, PROVEN)
    with Site(site.database_url, site.time) as off, pytest.raises(BackupsOff):
        backups(off).begin(nadia)
    assert count(site, "audit_log WHERE action = 'backup.begin'") == 0


def scraped(site: Site) -> dict[str, float]:
    site.services[Backups].refresh()
    text = site.client.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {sample.name: sample.value for sample in samples if sample.name.startswith("koyjabo_backup")}


def test_metrics_have_the_newest_verified_backup_and_all_failures(site):
    failures = "koyjabo_backup_failures_total"
    assert scraped(site) == {failures: 0}
    add_failure(site, hours_ago=9)
    add_backup(site, hours_ago=3, bytes=7)
    add_failure(site, hours_ago=2)
    add_running(site)
    proven = {"koyjabo_backup_proven_timestamp_seconds": SPEC_MOMENT / 1000 - 3 * 3600, "koyjabo_backup_bytes": 7}
    assert scraped(site) == {**proven, failures: 2}
    site.rows("DELETE FROM backups WHERE state <> 'running'")
    site.restart()
    assert scraped(site) == {failures: 2}


def test_server_without_backups_has_no_backup_metrics(sqlite_database):
    with Site(sqlite_database.url) as site:
        add_failure(site)
        assert scraped(site) == {}
