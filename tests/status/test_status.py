"""/api/status, /status and the badge: what is promised, as it is measured, and nothing about the server itself."""

from __future__ import annotations

import getpass
import platform

import pytest
from support.application.site import Site, assert_error, nothing_counted
from support.sites.full_site import quiet

from koyjabo.audit import log as audit
from koyjabo.cluster.workers import MemoryWorkers
from koyjabo.core.clock import iso
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.identity import OPERATOR
from koyjabo.core.installation import VERSION
from koyjabo.mail.outbox import MailOutbox
from koyjabo.maintenance.backups.outcome import BackupOutcome
from koyjabo.maintenance.backups.report import BackupReport
from koyjabo.maintenance.recount_job import LEDGER, Recounts
from koyjabo.maintenance.services import MaintenanceServices
from koyjabo.status.measurements import Measurements
from koyjabo.status.services import StatusServices

IDS = ["gaps_and_repeats", "commit_to_page_p99", "retries_absorbed", "minutes_without_ledger", "members_freed"]
IDS += ["last_proven_backup", "rollbacks"]
"""All of them, in the order of the answer (specification: Status)."""

HOUR_MS = 3_600_000
ADD_BACKUP = """
INSERT INTO backups (name, begun_by, worker, begun_ms, seen_ms, ended_ms, proven_ms, state, step, done, goal)
VALUES (:name, '', '', :ended_ms, :ended_ms, :ended_ms, :proven_ms, :state, 'restore', 1, 1)
"""
ROLL_BACK = """
INSERT INTO adjustments (scope, at_ms, after_visit, total_before, total_after, epoch, reason, kind)
VALUES ('site', :at_ms, 0, 0, 1, :at_ms, 'the database went back', 'rolled_back')
"""


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


def measurements(site: Site) -> Measurements:
    return site.services[StatusServices].measurements


def later(site: Site) -> dict[str, dict]:
    """All promises by id, when what is kept of the last answer is too old."""
    site.time.pass_(seconds=5)
    return {each["id"]: each for each in site.client.get("/api/status").json["promises"]}


def judged(site: Site, promise: str) -> tuple[object, bool | None]:
    found = later(site)[promise]
    return found["value"], found["ok"]


def add_backup(site: Site, state: str, hours_ago: int = 0) -> str:
    ended_ms = site.time.ms - hours_ago * HOUR_MS
    proven_ms = ended_ms if state == "proven" else None
    site.rows(ADD_BACKUP, name=f"{state}{ended_ms}", ended_ms=ended_ms, proven_ms=proven_ms, state=state)
    return iso(ended_ms)


def test_all_promises_are_there_although_nothing_was_measured(site):
    answer = site.client.get("/api/status")
    assert list(answer.json) == ["as_of", "promises"]
    assert answer.json["as_of"] == iso(site.time.ms)
    assert [each["id"] for each in answer.json["promises"]] == IDS
    for each in answer.json["promises"]:
        assert list(each) == ["id", "promise", "value", "unit", "ok", "since"]
        assert (each["value"], each["ok"]) == ((0, True) if each["id"] == "rollbacks" else (None, None))


def test_an_answer_is_kept_for_5_seconds_and_any_page_may_read_it(site):
    first = site.client.get("/api/status", headers={"Origin": "https://elsewhere.example"})
    assert first.headers["Cache-Control"] == "no-cache"
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    add_rollback(site)
    site.time.pass_(seconds=4.9)
    again = site.client.get("/api/status", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    site.time.pass_(seconds=0.1)
    changed = site.client.get("/api/status", headers={"If-None-Match": first.headers["ETag"]})
    assert (changed.status_code, changed.json["promises"][-1]["value"]) == (200, 1)


def add_rollback(site: Site) -> None:
    site.rows(ROLL_BACK, at_ms=site.time.ms)


def test_retries_are_recognised_once_and_a_restart_keeps_their_sum(site):
    measurements(site).tick()
    since = later(site)["retries_absorbed"]["since"]
    for visit in ("1", "1", "2", "1"):
        site.register("ayesha", visitId=visit)
    measurements(site).tick()
    measurements(site).tick()
    assert judged(site, "retries_absorbed") == (2, True)
    site.register("ayesha", visitId="2")
    site.restart()  # which stores what is new
    assert judged(site, "retries_absorbed") == (3, True)
    assert later(site)["retries_absorbed"]["since"] == since


def test_latency_is_a_percentile_of_the_last_hour_and_never_too_low(site):
    for _ in range(98):
        measurements(site).pushed(0.010)
    for seconds in (0.200, 0.9):
        measurements(site).pushed(seconds)
    measurements(site).tick()
    value, ok = judged(site, "commit_to_page_p99")
    assert (200 <= value <= 220, ok) == (True, True)
    for _ in range(2):
        measurements(site).pushed(0.9)
    measurements(site).tick()
    value, ok = judged(site, "commit_to_page_p99")
    assert (900 <= value <= 990, ok) == (True, False)
    site.time.pass_(minutes=61)
    assert judged(site, "commit_to_page_p99") == (None, None)
    measurements(site).pushed(0.010)
    measurements(site).tick()
    site.time.put_right(days=-1)
    assert judged(site, "commit_to_page_p99") == (None, None)


def test_recounts_of_a_command_and_of_a_backup_are_told(site):
    site.register("ayesha")
    recounts(site).verify(quiet)
    assert judged(site, "gaps_and_repeats") == (0, True)
    site.rows("UPDATE counters SET total = total + 1")
    assert recounts(site).verify(quiet).problems
    value, ok = judged(site, "gaps_and_repeats")
    assert (value > 0, ok) == (True, False)
    site.time.pass_(seconds=1)
    by_operator = audit.actor(OPERATOR, site.services.clock)
    site.services[StatusServices].status._database.write(by_operator.entry("ledger.restore", LEDGER).store)
    assert judged(site, "gaps_and_repeats") == (0, True)
    since = add_backup(site, "proven")
    found = later(site)["gaps_and_repeats"]
    assert (found["value"], found["ok"], found["since"]) == (0, True, since)


def test_recount_of_a_backup_that_finds_problems_is_told(site):
    """Of a night, after one that found none. Health and webhooks learn of it as of every other recount."""
    add_backup(site, "proven")
    site.time.pass_(seconds=1)
    found = {"agrees": False, "problems": ["one", "two"], "problem_count": 2, "rows": 3}
    by, mails = audit.actor(OPERATOR, site.services.clock), site.services[MailOutbox]
    with site.app.app_context():
        row = site.services[MaintenanceServices].backups._begin("")
    report = BackupReport("verifying", error="The ledger in the backup is inconsistent: one; two.", recount=found)
    site.services[StatusServices].status._database.write(BackupOutcome(row, report, by, mails).store)
    assert judged(site, "gaps_and_repeats") == (2, False)
    assert ("recount.failed",) in site.rows("SELECT type FROM webhook_events")


def recounts(site: Site) -> Recounts:
    return site.services[MaintenanceServices].recounts


def test_backup_is_proven_for_36_hours_and_only_where_backups_are_on(sqlite_database, tmp_path):
    with Site(sqlite_database.url) as site:
        add_backup(site, "proven")
        assert judged(site, "last_proven_backup") == (None, None)
        site.rows("DELETE FROM backups")
    with Site(sqlite_database.url, BACKUP_DIR=str(tmp_path)) as site:
        assert judged(site, "last_proven_backup") == (None, None)
        add_backup(site, "failed", hours_ago=40)
        assert judged(site, "last_proven_backup") == (None, False)
        add_backup(site, "proven", hours_ago=-9_000)  # of a wrong clock
        proven = add_backup(site, "proven", hours_ago=35)
        assert judged(site, "last_proven_backup") == (proven, True)
        site.time.pass_(hours=1, seconds=1)
        assert judged(site, "last_proven_backup") == (proven, False)


def test_database_that_went_back_is_told_for_30_days(site, sqlite_database):
    site.register("ayesha")
    remembered = sqlite_database.remember()
    site.register("babul")
    sqlite_database.go_back(remembered)
    assert site.register("chaya").ordinal == 3
    when = iso(site.time.ms)
    assert judged(site, "rollbacks") == (1, False)
    site.time.pass_(days=2)
    measurements(site).tick()  # as after an upgrade: nothing was measured before
    found = later(site)["rollbacks"]
    assert (found["value"], found["ok"], found["since"]) == (1, False, when)
    site.time.pass_(days=30)
    assert judged(site, "rollbacks") == (0, True)


def test_outage_is_told_while_it_lasts_and_30_days_afterwards(site):
    measurements(site).tick()
    assert judged(site, "minutes_without_ledger") == (0, True)
    site.rows("ALTER TABLE counters RENAME TO elsewhere")
    look(site)
    site.time.pass_(seconds=84)
    look(site)
    assert judged(site, "minutes_without_ledger") == (1.5, False)  # 89 s until now
    site.rows("ALTER TABLE elsewhere RENAME TO counters")
    site.time.pass_(seconds=1)
    look(site)  # which stores it: the page must not say in between that there was none
    assert site.rows("SELECT sum(amount) FROM measured_minutes") == [(90_000,)]
    site.restart()
    assert judged(site, "minutes_without_ledger") == (1.5, False)
    site.time.pass_(days=31)
    assert judged(site, "minutes_without_ledger") == (0, True)


def test_worker_that_is_cut_off_alone_is_no_outage(site):
    measures, system = measurements(site), site.services[MaintenanceServices].system
    cut_off = system._me()._replace(reads_ledger=False)
    with_another = MemoryWorkers()
    with_another.live = lambda: [cut_off, system._me()]  # type: ignore[method-assign]
    measures._workers = with_another
    measures.look()
    site.time.pass_(seconds=30)
    assert measures.outage_ms == 0
    with_another.live = lambda: [cut_off, cut_off]  # type: ignore[method-assign]
    measures.look()
    site.time.pass_(seconds=30)
    assert measures.outage_ms == 30_000


def look(site: Site) -> None:
    """What a worker does every second."""
    site.stats()
    site.services[MaintenanceServices].system.report()
    measurements(site).look()


def test_two_workers_see_one_outage_and_add_up_their_retries(sqlite_database):
    """Each stores what it has noticed, whichever is first."""
    with Site(sqlite_database.url) as site, Site(sqlite_database.url, time=site.time) as other:
        for each in (site, other):
            measurements(each).look()
            measurements(each)._add_outage(20_000)
            each.register("ayesha", visitId="1")
            each.register("ayesha", visitId="1")
            measurements(each).tick()
        assert site.rows("SELECT sum(amount) FROM measured_minutes") == [(20_000,)]
        measurements(site)._add_outage(3_000)
        measurements(site).tick()
        assert site.rows("SELECT sum(amount) FROM measured_minutes") == [(23_000,)]
        assert judged(other, "retries_absorbed") == (3, True)


def test_status_is_answered_while_the_database_is_away(site, monkeypatch):
    measurements(site).tick()
    before = later(site)

    def is_away(*_: object) -> None:
        raise LedgerUnavailable

    monkeypatch.setattr(site.services[StatusServices].status._database, "read", is_away)
    assert later(site) == before


def test_no_reader_waits_for_a_database_that_is_known_to_be_away(site, monkeypatch):
    measurements(site).tick()
    before = later(site)
    site.rows("ALTER TABLE counters RENAME TO elsewhere")
    site.stats()
    monkeypatch.setattr(site.services[StatusServices].status._database, "read", None)
    assert later(site) == before


def test_badge_says_how_many_are_not_kept(site):
    assert said(site) == ("promises", "all kept", "#006a4e")
    add_rollback(site)
    site.time.pass_(seconds=5)
    assert said(site) == ("promises", "1 of 7 not kept", "#c0392b")
    assert said(site, "&lang=bn&color=red") == ("প্রতিশ্রুতি", "৭-এর ১ রক্ষিত নয়", "#e05d44")
    assert "1 of 7 not kept" in site.client.get("/badge.svg?value=status").text
    assert_error(site.client.get("/badge.json?value=status&community=x"), 400, "invalid_input", "community")
    assert site.client.get("/embed?value=status").status_code == 400


def said(site: Site, more: str = "") -> tuple[str, str, str]:
    answer = site.client.get(f"/badge.json?value=status{more}").json
    return answer["label"], answer["message"], answer["color"]


def test_page_says_each_promise_in_words(site):
    measurements(site).tick()
    add_rollback(site)
    page = site.client.get("/status").text
    for words in ("1 of 7 promises not kept", "Visits can be saved at any time.", "Not kept", "Kept", "Not measured"):
        assert words in page
    assert '<a href="/status">Status</a>' in site.client.get("/").text


def test_nothing_tells_which_server_it_is(site):
    site.register("ayesha", userAgent="Mozilla")
    measurements(site).tick()
    recounts(site).verify(quiet)
    with nothing_counted(site):
        shown = site.client.get("/api/status").text + site.client.get("/badge.json?value=status").text
    for secret in (platform.node(), getpass.getuser(), VERSION, site.database_url, "SQLite", "@", "ayesha"):
        assert secret not in shown


def test_status_can_be_turned_off(sqlite_database):
    with Site(sqlite_database.url, STATUS_PAGE="0") as site:
        assert_error(site.client.get("/api/status"), 404, "not_found")
        assert site.client.get("/status").status_code == 404
        assert_error(site.client.get("/badge.json?value=status"), 400, "invalid_input", "value")
        assert site.client.get("/badge.svg?value=status").status_code == 400
        assert "/status" not in site.client.get("/").text
