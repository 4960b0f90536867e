"""Health's rules, one by one, and the facts about the server that its pages show."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from support.application.site import SECRET, Site

from koyjabo.base.cluster.workers import SOCKET_KINDS, Drop, Progress, Worker
from koyjabo.base.core.identity import OPERATOR, Account
from koyjabo.base.database.free_space import Disk
from koyjabo.base.database.startup_queries import NEWEST_REVISION
from koyjabo.counting.ledger import Unsaved
from koyjabo.people.audit.queries import AuditRecord
from koyjabo.people.mail.outbox_queries import Status
from koyjabo.upkeep.backups.backups import BackupState, Failure
from koyjabo.upkeep.backups.folder import BackupFile
from koyjabo.upkeep.health import checks
from koyjabo.upkeep.health.findings import DANGER, GOOD, OFF, UNREAD, WARNING
from koyjabo.upkeep.health.queries import DatabaseFacts, Rollback, Standbys
from koyjabo.upkeep.health.system import Data, Installation, Ready, System, SystemFacts
from koyjabo.upkeep.recounts.recounts import BEGUN, ENDED, RecountState

NOW_MS = 1_765_860_518_412
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
GB = 10**9
OK = Ready(True)
FAILED = Ready(False, error="It does not respond.")
LIVE = Worker("a", "here", 7, 1, 2, None, {}, None, lag_ms=3.0)


def line(action: str, age_ms: int = HOUR_MS, **details: Any) -> AuditRecord:
    return AuditRecord(1, NOW_MS - age_ms, None, "", action, "ledger", "", "", details, "")


BACKUP = line("ledger.backup")
AGREES = line(ENDED, agrees=True, rows=12, problem_count=0)
WELL = SystemFacts(
    installation=Installation("PostgreSQL", True, Path("/"), True, 1, 2, 365),
    database=DatabaseFacts(5 * GB, NEWEST_REVISION, 12, NOW_MS - 10, BACKUP, NOW_MS - HOUR_MS),
    database_ms=2,
    clock_off_ms=-4,
    disk=Disk(50 * GB, 100 * GB),
    redis_ms=0.5,
    redis_refusal="",
    workers=[LIVE],
    unsaved=None,
    recounts=RecountState(None, AGREES),
    now_ms=NOW_MS,
    ready={"database": OK, "writer": OK, "loop": OK, "redis": OK},
    mail=Status(0, None, None, []),
    has_countries=True,
    is_behind_local_proxy=False,
)


def at(part: str = "", **changes: Any) -> SystemFacts:
    """A healthy server with these changes: to itself, or to its `installation` or `database`."""
    facts = WELL._replace(**{name: changes.pop(name) for name in changes.keys() & {"disk"}})
    return facts._replace(**{part: getattr(WELL, part)._replace(**changes)} if part else changes)


def unready(name: str) -> SystemFacts:
    return WELL._replace(ready={**WELL.ready, name: FAILED})


MADE = BackupFile("koyjabo-20251215T213000Z-4f2a91c7.backup", NOW_MS - 36 * HOUR_MS, 900, 22_121, is_verified=True)
NO_SPACE = Failure(NOW_MS - HOUR_MS, "No space is left.")


def backups(**known: Any) -> SystemFacts:
    """A server with automatic backups. Backups made with `koyjabo backup` do not count there."""
    state = BackupState(False, None, None, [], NOW_MS + HOUR_MS, NOW_MS - 36 * HOUR_MS)._replace(**known)
    return at("database", backup=None)._replace(backups=state)


FACTS = [
    ("backups", backups(), OFF, "first"),
    ("backups", backups(on_since_ms=None), OFF, "first"),
    ("backups", backups(is_running=True), OFF, "running"),
    ("backups", backups(on_since_ms=NOW_MS - 36 * HOUR_MS - 1), WARNING, "unproven"),
    ("backups", backups(on_since_ms=NOW_MS - 36 * HOUR_MS - 1, is_running=True), OFF, "running"),
    ("backups", backups(failed=NO_SPACE), DANGER, "failed_first"),
    ("backups", backups(proven=MADE), GOOD, "proven"),
    ("backups", backups(proven=MADE._replace(made_ms=NOW_MS - 36 * HOUR_MS - 1)), WARNING, "late"),
    ("backups", backups(proven=MADE, failed=NO_SPACE), DANGER, "failed"),
    ("database", unready("database"), DANGER, "silent"),
    ("database", at(database_ms=101), WARNING, "slow"),
    ("database", at(database_ms=100), GOOD, "answers"),
    ("database", at("installation", survives_deploy=False), WARNING, "ephemeral"),
    ("standby", at("database", standbys=Standbys(0, 0, 0)), OFF, "none"),
    ("standby", at("database", standbys=Standbys(2, 0, 1)), GOOD, "synchronous"),
    ("standby", at("database", standbys=Standbys(2, 0, 0)), WARNING, "asynchronous"),
    ("standby", at("database", standbys=Standbys(2, 2, 0)), WARNING, "unknown"),
    ("rollback", at("database", rollback=None), GOOD, "never"),
    ("rollback", at("database", rollback=Rollback(NOW_MS, 12, is_seen=False)), DANGER, "lost"),
    ("rollback", at("database", rollback=Rollback(NOW_MS, 0, is_seen=True)), GOOD, "seen"),
    ("writer", at(unsaved=Unsaved(NOW_MS - 5000, "locked")), DANGER, "unsaved"),
    ("writer", at(unsaved=Unsaved(NOW_MS - 5000, "locked", 14, 1)), DANGER, "refusing"),
    ("writer", at(unsaved=Unsaved(NOW_MS - 5000, "locked", 14, 2)), DANGER, "refusing_at_most"),
    ("database", at(unsaved=Unsaved(NOW_MS - 5000, "locked")), DANGER, "unwritable"),
    ("writer", unready("writer"), DANGER, "late"),
    ("redis", at("installation", has_redis=False), OFF, "unused"),
    ("redis", at(redis_ms=None), DANGER, "silent"),
    ("redis", unready("redis"), DANGER, "silent"),
    ("redis", at(redis_ms=101.0), WARNING, "slow"),
    ("redis", at(redis_refusal="NOPERM No permissions"), DANGER, "refused"),
    ("database", at("database", unsafe=("fsync",)), WARNING, "unsafe"),
    ("disk", at(disk=Disk(199999999, 100 * GB)), DANGER, "full"),
    ("disk", at("installation", kind="SQLite", disk=Disk(5 * GB // 10 - 1, 100 * GB)), DANGER, "refusing"),
    ("disk", at("installation", kind="SQLite", disk=Disk(5 * GB // 10, 100 * GB)), WARNING, "tight"),
    ("disk", at(disk=Disk(4 * GB // 10, 100 * GB)), WARNING, "tight"),
    ("disk", at(disk=Disk(GB - 1, 2 * GB)), WARNING, "tight"),
    ("disk", at(disk=Disk(49 * GB, 1000 * GB)), WARNING, "tight"),
    ("disk", at(disk=None), OFF, "unknown"),
    ("clock", at(clock_off_ms=-2001), WARNING, "off"),
    ("clock", at(clock_off_ms=60001), DANGER, "off"),
    ("clock", at("database", newest_commit_ms=NOW_MS + 2001), WARNING, "behind"),
    ("clock", at("database", newest_commit_ms=NOW_MS + 60001), DANGER, "behind"),
    ("clock", at(clock_off_ms=None), GOOD, "alone"),
    ("proxies", WELL._replace(is_behind_local_proxy=True), WARNING, "hidden"),
    ("workers", unready("loop"), DANGER, "late"),
    ("workers", at(workers=[LIVE, LIVE._replace(lag_ms=1501.0)]), DANGER, "late"),
    ("workers", at(workers=[LIVE._replace(lag_ms=251.0)]), WARNING, "busy"),
    ("workers", at("installation", workers=2), WARNING, "missing"),
    ("dropped", at(workers=[LIVE]), GOOD, "nothing"),
    ("dropped", at(workers=[LIVE, LIVE._replace(drops=(Drop("inputs", 7, NOW_MS),))]), WARNING, "some"),
    ("backups", at("database", backup=None), WARNING, "unknown"),
    ("backups", at("database", backup=None, visits=0), OFF, "nothing"),
    ("backups", at("database", backup=None, oldest_visit_ms=NOW_MS - 167 * HOUR_MS), OFF, "nothing"),
    ("backups", at("database", backup=line("ledger.backup", 169 * HOUR_MS)), WARNING, "old"),
    ("recount", at(recounts=RecountState(None, None)), OFF, "never"),
    ("recount", at(recounts=RecountState(None, line(ENDED, 3 * DAY_MS, agrees=True))), WARNING, "late"),
    ("recount", at(recounts=RecountState(Progress(1, 2, 3), line(BEGUN))), OFF, "running"),
    ("recount", at(recounts=RecountState(None, line(BEGUN))), WARNING, "interrupted"),
    ("recount", at(recounts=RecountState(None, line(ENDED, error="x"))), WARNING, "interrupted"),
    ("recount", at(recounts=RecountState(None, line(ENDED, agrees=False, problem_count=2, rows=3))), DANGER, "differs"),
    ("mails", WELL._replace(mail=None), OFF, "off"),
    ("mails", WELL._replace(mail=Status(0, None, None, [("reset", "550", 1)])), WARNING, "given_up"),
    ("mails", WELL._replace(mail=Status(3, NOW_MS - HOUR_MS, "450", [])), WARNING, "late"),
    ("mails", WELL._replace(mail=Status(1, NOW_MS, None, [], 500)), WARNING, "used_up"),
    ("mails", WELL._replace(mail=Status(1, NOW_MS, None, [])), GOOD, "sent"),
    ("version", at("database", schema="9999"), WARNING, "newer"),
    ("retention", at("database", retention_ms=NOW_MS - 49 * HOUR_MS), WARNING, "late"),
    ("retention", at("database", retention_ms=None), OFF, "never"),
    ("reports", at("database", unread=100_001), WARNING, "late"),
    ("reports", at("database", unread=100_000), GOOD, "ready"),
    ("places", WELL._replace(has_countries=False), WARNING, "missing"),
]


BAD = (WARNING, DANGER)


@pytest.mark.parametrize(("name", "facts", "level", "code"), FACTS, ids=[f"{name} {code}" for name, *_, code in FACTS])
def test_bad_fact_colours_one_check_and_the_whole(name, facts, level, code):
    """Unsaved visits make two checks red: a database that can only be read is not healthy."""
    results = checks.checks(facts)
    assert [(check.level, check.code) for check in results if check.name == name] == [(level, code)]
    bad = {"writer", "database"} if facts.unsaved else {name} if level in BAD else set()
    assert {check.name for check in results if check.level in BAD} == bad
    assert checks.worst(results) == (level if level in BAD else GOOD)


def test_worst_checks_come_first_and_disabled_ones_last():
    facts = at(unsaved=Unsaved(NOW_MS, "locked"))._replace(has_countries=False, mail=None)
    assert [check.name for check in checks.checks(facts)][:3] == ["writer", "database", "places"]
    assert {check.level for check in checks.checks(facts)[-2:]} == {OFF}


def test_no_worker_is_missing_without_redis():
    """While Redis is down, a worker knows only itself."""
    facts = WELL._replace(installation=WELL.installation._replace(workers=2), redis_ms=None)
    by_name = {check.name: check for check in checks.checks(facts)}
    assert (by_name["redis"].level, by_name["workers"].code) == (DANGER, "unseen")


@pytest.mark.parametrize("is_remembered", [True, False])
def test_checks_of_the_database_are_not_green_while_it_is_away(is_remembered):
    facts = at("database", backup=None)._replace(ready={**WELL.ready, "database": FAILED})
    by_name = {check.name: check for check in checks.checks_without_database(facts, is_remembered)}
    assert by_name["database"].level == DANGER
    assert (by_name["recount"].level, by_name["recount"].code) == (OFF, UNREAD)
    assert by_name["backups"].level == (WARNING if is_remembered else OFF)  # the failure is still shown


@pytest.fixture
def site(database, monkeypatch):
    monkeypatch.setattr("os.path.ismount", lambda _: False)  # the tests' files may be on a separate disk
    with Site(database.url, STARTING_TOTAL=4000) as site:
        yield site


def data(site: Site, admin: Account = OPERATOR) -> Data:
    return site.services[System].data(admin)


def test_unsafe_settings_of_postgres_are_found(postgres):
    """The PostgreSQL of the tests runs without these settings, to be fast."""
    with Site(postgres.new_database().url) as site:
        assert site.services[System].facts(OPERATOR).database.unsafe == ("fsync", "full_page_writes")


def test_facts_describe_this_server_without_secrets(site, admin, kind):
    site.register("ayesha")
    began = time.monotonic()
    facts = site.services[System].facts(admin)
    took_ms = (time.monotonic() - began) * 1000
    assert facts.installation.kind == {"sqlite": "SQLite", "postgres": "PostgreSQL"}[kind]
    assert facts.installation.survives_deploy == (kind == "postgres")
    assert (facts.database.schema, facts.database.visits) == (NEWEST_REVISION, 1)
    assert facts.database.bytes > 100_000
    assert facts.database.newest_commit_ms >= site.time.ms
    assert (facts.clock_off_ms is None) == (kind == "sqlite")
    assert 0 < facts.database_ms <= took_ms + 1
    assert 0 < facts.disk.free < facts.disk.total
    assert (facts.installation.has_redis, facts.redis_ms) == (False, None)
    (worker,) = facts.workers
    assert worker.memory_kb > 10_000
    assert worker.sockets == dict.fromkeys(SOCKET_KINDS, 0)
    assert worker.started_ms == worker.seen_ms == site.time.ms
    shown = json.dumps([facts._asdict(), data(site)._asdict()], default=str)
    assert SECRET not in shown
