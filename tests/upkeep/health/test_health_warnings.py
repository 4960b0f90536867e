"""The rules of the warnings, one by one, and the facts that they read from a server."""

import re
from typing import Any

import pytest
from support.application.site import SECRET, Site

from koyjabo.base.cluster.workers import Progress, Worker
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.database.free_space import Disk
from koyjabo.base.database.outage_causes import OUTAGE_CAUSES as CODES
from koyjabo.base.database.revisions import NEWEST_REVISION
from koyjabo.base.observability.health_warning import DANGER, WARNING, HealthWarning
from koyjabo.base.settings.catalogue import PAGE_SETTINGS
from koyjabo.counting.unsaved_visits import Unsaved
from koyjabo.people.audit.queries import AuditRecord
from koyjabo.people.mail.outbox_queries import Status
from koyjabo.people.mail_server import mail_warnings
from koyjabo.upkeep.backups import backup_warnings
from koyjabo.upkeep.backups.backups import BackupState, Failure
from koyjabo.upkeep.backups.folder import BackupFile
from koyjabo.upkeep.health.causes import CAUSE_SENTENCES
from koyjabo.upkeep.health.facts import StoredFacts, SystemFacts
from koyjabo.upkeep.health.health import Health
from koyjabo.upkeep.health.health_warnings import warnings
from koyjabo.upkeep.health.queries import DatabaseFacts, Rollback, Standbys, TextOrder
from koyjabo.upkeep.health.readiness import Ready
from koyjabo.upkeep.health.ui import by_harm
from koyjabo.upkeep.recounts.recounts import RECOUNT_BEGUN, RECOUNT_ENDED, RecountState
from koyjabo.upkeep.retention import admin as retention
from koyjabo.web.pages.guides import guide

NOW_MS = 1_765_860_518_412
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
GB = 10**9
OK = Ready(True)
LIVE = Worker("a", lag_ms=3.0)


def line(action: str, age_ms: int = HOUR_MS, **details: Any) -> AuditRecord:
    return AuditRecord(1, NOW_MS - age_ms, None, "", action, "ledger", "", "", details, "")


DATABASE = DatabaseFacts(NEWEST_REVISION, 12, NOW_MS - 10)
AGREES = line(RECOUNT_ENDED, agrees=True, rows=12, problem_count=0)
STORED = StoredFacts(DATABASE, -4, RecountState(None, AGREES))
WELL = SystemFacts(
    ready={"database": OK, "writer": OK, "loop": OK, "redis": OK},
    now_ms=NOW_MS,
    is_sqlite=False,
    survives_deploy=True,
    expected_workers=1,
    workers=[LIVE],
    redis_refusal="",
    disk=Disk(50 * GB, 100 * GB),
    unsaved=None,
    has_countries=True,
    proxy_address="",
    lacked_grants="",
    stored=STORED,
)


def at(**changes: Any) -> SystemFacts:
    """A healthy server with these changes."""
    return WELL._replace(**changes)


def stored(**changes: Any) -> SystemFacts:
    return at(stored=STORED._replace(**changes))


def database(**changes: Any) -> SystemFacts:
    return stored(database=DATABASE._replace(**changes))


def recounted(action: str, age_ms: int = HOUR_MS, **details: Any) -> SystemFacts:
    return stored(recounts=RecountState(None, line(action, age_ms, **details)))


def unready(name: str) -> SystemFacts:
    return at(ready={**WELL.ready, name: Ready(False, error="It does not respond.")})


MADE = BackupFile("koyjabo-20251215T213000Z-4f2a91c7.backup", NOW_MS - 36 * HOUR_MS, 900, 22_121, is_verified=True)
LATE_MS = NOW_MS - 36 * HOUR_MS - 1
NO_SPACE = Failure(NOW_MS - HOUR_MS, "No space is left.")


def backups(**known: Any) -> HealthWarning | None:
    """The warning of a server with automatic backups."""
    state = BackupState(False, None, None, [], NOW_MS + HOUR_MS, NOW_MS - 36 * HOUR_MS)._replace(**known)
    return backup_warnings.judge(state, NOW_MS)


def manual(backup: AuditRecord | None, oldest_visit_ms: int | None = 0) -> HealthWarning | None:
    return backup_warnings.judge_manual(backup, oldest_visit_ms, NOW_MS)


def night(ended_ms: int | None) -> HealthWarning | None:
    return retention.judge(ended_ms, NOW_MS)


def mails(*status: Any) -> HealthWarning | None:
    return mail_warnings.judge(Status(*status), NOW_MS)


UNSAVED = Unsaved(NOW_MS - 5000, "locked")
WRONG = [
    (at(unsaved=UNSAVED), DANGER, "Visits have not been saved since %(since)s. Open pages keep them"),
    (unready("writer"), DANGER, "A visit has waited too long"),
    (unready("database"), DANGER, "The database does not respond."),
    (database(unsafe=("fsync",)), WARNING, "A crash of the database's machine can lose"),
    (
        database(changed_order=TextOrder("2.31", "2.36", "live")),
        WARNING,
        "The order of texts below PostgreSQL has changed",
    ),
    (database(changed_order=TextOrder("2.31", "", "live")), WARNING, "The order of texts below PostgreSQL has changed"),
    (database(sequence_grant="GRANT UPDATE"), WARNING, "The role in DATABASE_URL may not set sequences"),
    (at(lacked_grants="GRANT INSERT"), DANGER, "The role in DATABASE_URL lacks rights"),
    (at(survives_deploy=False), WARNING, "The next deploy will delete the database file."),
    (at(disk=Disk(199999999, 100 * GB)), DANGER, "Only %(free)s of %(total)s are free. Visits cannot be saved"),
    (at(is_sqlite=True, disk=Disk(GB // 2 - 1, 100 * GB)), DANGER, "Only %(free)s of %(total)s are free. Visits"),
    (at(is_sqlite=True, disk=Disk(GB // 2, 100 * GB)), WARNING, "Only %(free)s of %(total)s are free."),
    (at(disk=Disk(49 * GB, 1000 * GB)), WARNING, "Only %(free)s of %(total)s are free."),
    (at(redis_refusal="NOPERM No permissions"), DANGER, "Redis refuses this server"),
    (unready("redis"), DANGER, "Redis does not respond."),
    (unready("loop"), DANGER, "A worker is %(ms)s ms behind"),
    (at(workers=[LIVE, LIVE._replace(lag_ms=251.0)]), WARNING, "A worker is %(ms)s ms behind"),
    (at(expected_workers=2), WARNING, "Workers running: %(count)s of %(wanted)s."),
    (database(rollback=Rollback(NOW_MS, 12)), DANGER, "The database was rolled back"),
    (stored(clock_off_ms=-2001), WARNING, "The clocks of this machine and of the database differ"),
    (stored(clock_off_ms=60001), DANGER, "The clocks of this machine and of the database differ"),
    (database(newest_visit_ms=NOW_MS + 2001), WARNING, "The newest visit is %(seconds)s s in the future"),
    (database(newest_visit_ms=NOW_MS + 60001), DANGER, "The newest visit is %(seconds)s s in the future"),
    (database(standbys=Standbys(2, 0, 0)), WARNING, "A failover may lose acknowledged visits"),
    (database(standbys=Standbys(2, 2, 0)), WARNING, "Whether a standby is synchronous is unknown."),
    (at(proxy_address="172.18.0.1"), WARNING, "All visitors seem to come from %(address)s"),
    (backups(remedy="chown -R 10001:10001 /backups"), WARNING, "The server cannot read some backups"),
    (backups(on_since_ms=LATE_MS), WARNING, "No backup has been verified since backups were turned on"),
    (backups(failed=NO_SPACE), DANGER, "The backup of %(failed_at)s failed. %(error)s No backup is verified yet."),
    (backups(verified=MADE._replace(made_ms=LATE_MS)), WARNING, "No backup has been verified for 36 hours."),
    (backups(verified=MADE, failed=NO_SPACE), DANGER, "The backup of %(failed_at)s failed. %(error)s The last"),
    (manual(None), WARNING, "No backup yet."),
    (manual(line("ledger.backup", 169 * HOUR_MS)), WARNING, "The last backup was"),
    (recounted(RECOUNT_ENDED, 3 * DAY_MS, agrees=True), WARNING, "The last recount was on"),
    (recounted(RECOUNT_BEGUN), WARNING, "The recount of %(at)s failed."),
    (recounted(RECOUNT_ENDED, agrees=False, problem_count=2), DANGER, "On %(at)s some numbers"),
    (night(NOW_MS - 49 * HOUR_MS), WARNING, "Older visits were last reduced on"),
    (mails(0, None, None, [], None, NOW_MS), WARNING, "The last test email was not sent"),
    (mails(0, None, None, [("reset", "550", 1)]), WARNING, "Emails that could not be sent"),
    (mails(3, NOW_MS - HOUR_MS, "450", []), WARNING, "Emails waiting"),
    (mails(1, NOW_MS, None, [], 500), WARNING, "Today's limit of %(count)s emails"),
    (at(has_countries=False), WARNING, "The country database is missing"),
    (database(schema="9999"), WARNING, "The database has schema %(schema)s, from a newer version"),
]
FINE = {
    "nothing is wrong": WELL,
    "no standby": database(standbys=Standbys(0, 0, 0)),
    "synchronous standby": database(standbys=Standbys(2, 0, 1)),
    "no facts from the database": at(stored=StoredFacts()),
    "no Redis": at(ready=dict.fromkeys(("database", "writer", "loop"), OK)),
    "unknown disk": at(disk=None),
    "first backup": backups(),
    "first backup runs late": backups(on_since_ms=LATE_MS, is_running=True),
    "verified backup": backups(verified=MADE),
    "no visits to back up": manual(None, None),
    "a backup by hand": manual(line("ledger.backup")),
    "no recount": stored(recounts=RecountState(None, None)),
    "recount runs": stored(recounts=RecountState(Progress(1, 2, 3), line(RECOUNT_BEGUN))),
    "no emails": mails(0, None, None, []),
    "no night yet": night(None),
    "last night": night(NOW_MS - HOUR_MS),
}


def warnings_of(facts: SystemFacts | HealthWarning | None) -> list[HealthWarning]:
    """The warnings about facts, or the one that a feature's rule has returned."""
    return warnings(facts) if isinstance(facts, SystemFacts) else [facts] if facts else []


def test_each_bad_fact_causes_one_warning():
    for facts, level, sentence in WRONG:
        shown = [(warning.level, warning.sentence[: len(sentence)]) for warning in warnings_of(facts)]
        assert shown == [(level, sentence)]


def test_no_good_fact_causes_a_warning():
    for name, facts in FINE.items():
        assert warnings_of(facts) == [], name


def test_the_red_warnings_come_first():
    facts = database(unsafe=("fsync",), rollback=Rollback(NOW_MS, 12))._replace(unsaved=UNSAVED)
    assert [warning.name for warning in by_harm(warnings(facts))] == ["writer", "rollback", "database"]


def test_every_warning_has_a_section_of_the_guide_or_a_form():
    assert set(CAUSE_SENTENCES) == set(CODES)
    shown = [warning for facts, *_ in WRONG for warning in warnings_of(facts)]
    shown += [warning for code in CODES for warning in warnings(at(unsaved=Unsaved(NOW_MS, code)))]
    assert [warning.name for warning in shown if not warning.advice] == []
    text = guide("troubleshooting").html
    assert [warning.section for warning in shown if f' id="{warning.section}"' not in text] == []
    sentences = " ".join(f"{warning.sentence} {warning.cause} {warning.advice}" for warning in shown)
    assert set(re.findall(r"[A-Z_]{3,}", sentences)) & PAGE_SETTINGS.keys() == set()


def test_the_unsafe_settings_of_postgresql_are_found(postgres):
    """The PostgreSQL of the tests runs without these settings, to be fast."""
    with Site(postgres.new_database().url) as site:
        facts = site.services[Health].facts(OPERATOR, False)
        assert facts.stored.database.unsafe == ("fsync", "full_page_writes")


def test_the_facts_describe_this_server_without_its_secrets(site, admin, kind):
    site.register("ayesha")
    facts = site.services[Health].facts(admin, False)
    database = facts.stored.database
    assert (facts.is_sqlite, facts.survives_deploy) == (kind == "sqlite", kind == "postgres")
    assert (database.schema, database.visits) == (NEWEST_REVISION, 1)
    assert database.newest_visit_ms >= site.time.ms
    assert 0 < facts.disk.free < facts.disk.total
    assert [worker.lag_ms for worker in facts.workers] == [0.0]
    assert SECRET not in str(site.services[Health].jobs(OPERATOR))


@pytest.fixture
def site(database, monkeypatch):
    monkeypatch.setattr("os.path.ismount", lambda _: False)  # the tests' files may be on a separate disk
    with Site(database.url, STARTING_TOTAL=4000) as site:
        yield site
