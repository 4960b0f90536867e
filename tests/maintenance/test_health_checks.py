"""The rules of Health, one by one: what makes a check amber or red."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from koyjabo.audit.log import AuditRecord
from koyjabo.cluster.workers import Progress, Worker
from koyjabo.database.startup_queries import NEWEST_REVISION
from koyjabo.mail.outbox_queries import Failure, Status
from koyjabo.maintenance.health import checks
from koyjabo.maintenance.health.checks import DANGER, GOOD, RULES, WARNING, Check, Seen
from koyjabo.maintenance.health.queries import DatabaseFacts
from koyjabo.maintenance.health.readiness import Ready
from koyjabo.maintenance.health.system import Disk, Facts, Installation
from koyjabo.maintenance.recount_job import BEGUN, ENDED, RecountState

NOW_MS = 1_765_860_518_412
HOUR_MS = 3_600_000
GB = 10**9
OK = Ready(True)
FAILED = Ready(False, error="It does not answer.")
LIVE = Worker("a", "here", 7, 1, 2, None, {}, None, lag_ms=3.0)


def line(action: str, age_ms: int = HOUR_MS, **details: Any) -> AuditRecord:
    return AuditRecord(1, NOW_MS - age_ms, None, "", action, "ledger", "", "", details, "")


BACKUP = line("ledger.backup")
AGREES = line(ENDED, agrees=True, rows=12, problem_count=0)
WELL = Facts(
    installation=Installation("PostgreSQL", True, Path("/"), True, 1, 2, 365),
    database=DatabaseFacts(5 * GB, NEWEST_REVISION, 12, NOW_MS - 10, BACKUP, NOW_MS - HOUR_MS),
    database_ms=1.23,
    clock_off_ms=-4,
    disk=Disk(50 * GB, 100 * GB),
    redis_ms=0.5,
    workers=[LIVE],
    unsaved_ms=None,
    recounts=RecountState(None, AGREES),
    now_ms=NOW_MS,
)
READY = {"database": OK, "writer": OK, "loop": OK, "redis": OK}
SEEN = Seen(WELL, READY, Status(0, None, None, []), has_countries=True, is_behind_local_proxy=False)


def at(part: str = "", **changes: Any) -> Seen:
    """A server on which all is well but for these facts: of itself, or of its `installation` or `database`."""
    facts = WELL._replace(**{part: getattr(WELL, part)._replace(**changes)} if part else changes)
    return SEEN._replace(facts=facts)


def unready(name: str) -> Seen:
    return SEEN._replace(ready={**READY, name: FAILED})


FACTS = {
    "a database that does not answer": (unready("database"), "database", DANGER, "silent"),
    "a slow database": (at(database_ms=100.2), "database", WARNING, "slow"),
    "a database that is not slow yet": (at(database_ms=100.0), "database", GOOD, "answers"),
    "a file that the next deploy deletes": (
        at("installation", survives_deploy=False),
        "database",
        WARNING,
        "ephemeral",
    ),
    "visits that are not saved": (at(unsaved_ms=NOW_MS - 5000), "writer", DANGER, "unsaved"),
    "a visit that waits": (unready("writer"), "writer", DANGER, "late"),
    "no Redis": (at("installation", has_redis=False), "redis", GOOD, "unused"),
    "a Redis that is away": (at(redis_ms=None), "redis", DANGER, "silent"),
    "a Redis that did not answer the last call": (unready("redis"), "redis", DANGER, "silent"),
    "a slow Redis": (at(redis_ms=101.0), "redis", WARNING, "slow"),
    "a full disk": (at(disk=Disk(199_999_999, 100 * GB)), "disk", DANGER, "full"),
    "a disk that is nearly full": (at(disk=Disk(GB - 1, 2 * GB)), "disk", WARNING, "tight"),
    "a large disk that is nearly full": (at(disk=Disk(49 * GB, 1000 * GB)), "disk", WARNING, "tight"),
    "a disk of which nothing is known": (at(disk=None), "disk", GOOD, "unknown"),
    "clocks that differ": (at(clock_off_ms=-2001), "clock", WARNING, "off"),
    "clocks that differ by much": (at(clock_off_ms=60_001), "clock", DANGER, "off"),
    "a commit from the future": (at("database", newest_commit_ms=NOW_MS + 2001), "clock", WARNING, "behind"),
    "a commit from far in the future": (at("database", newest_commit_ms=NOW_MS + 60_001), "clock", DANGER, "behind"),
    "one clock": (at(clock_off_ms=None), "clock", GOOD, "alone"),
    "a proxy that hides the visitors": (SEEN._replace(is_behind_local_proxy=True), "proxies", WARNING, "hidden"),
    "a worker that is late": (unready("loop"), "workers", DANGER, "late"),
    "another worker that is late": (at(workers=[LIVE, LIVE._replace(lag_ms=1501.0)]), "workers", DANGER, "late"),
    "a busy worker": (at(workers=[LIVE._replace(lag_ms=251.0)]), "workers", WARNING, "busy"),
    "a worker that is missing": (at("installation", workers=2), "workers", WARNING, "missing"),
    "no backup": (at("database", backup=None), "backups", WARNING, "unknown"),
    "no backup of nothing": (at("database", backup=None, visits=0), "backups", GOOD, "nothing"),
    "an old backup": (at("database", backup=line("ledger.backup", 169 * HOUR_MS)), "backups", WARNING, "old"),
    "no recount": (at(recounts=RecountState(None, None)), "recount", GOOD, "never"),
    "a recount": (at(recounts=RecountState(Progress(1, 2, 3), line(BEGUN))), "recount", GOOD, "running"),
    "a recount without a result": (at(recounts=RecountState(None, line(BEGUN))), "recount", WARNING, "interrupted"),
    "a recount that failed": (
        at(recounts=RecountState(None, line(ENDED, error="x"))),
        "recount",
        WARNING,
        "interrupted",
    ),
    "numbers that do not agree": (
        at(recounts=RecountState(None, line(ENDED, agrees=False, problem_count=2, rows=3))),
        "recount",
        DANGER,
        "differs",
    ),
    "no mails": (SEEN._replace(mail=None), "mails", GOOD, "off"),
    "mails that were given up": (
        SEEN._replace(mail=Status(0, None, None, [Failure("reset", "550", 1)])),
        "mails",
        WARNING,
        "given_up",
    ),
    "mails that wait": (SEEN._replace(mail=Status(3, NOW_MS - HOUR_MS, "450", [])), "mails", WARNING, "late"),
    "a mail that has just been written": (SEEN._replace(mail=Status(1, NOW_MS, None, [])), "mails", GOOD, "sent"),
    "a database of a newer version": (at("database", schema="9999"), "version", WARNING, "newer"),
    "retention that was not done": (at("database", retention_ms=NOW_MS - 49 * HOUR_MS), "retention", WARNING, "late"),
    "sums of reports that lack visits": (at("database", unread=5_001), "reports", WARNING, "late"),
    "sums of reports that lack few": (at("database", unread=5_000), "reports", GOOD, "ready"),
    "no night yet": (at("database", retention_ms=None), "retention", GOOD, "never"),
    "no countries": (SEEN._replace(has_countries=False), "places", WARNING, "missing"),
}


def test_all_is_well_where_nothing_is_wrong():
    found = checks.checks(SEEN)
    assert [check for check in found if check.level != GOOD] == []
    assert checks.worst(found) == GOOD


@pytest.mark.parametrize(("seen", "name", "level", "code"), FACTS.values(), ids=FACTS)
def test_fact_makes_one_check_amber_or_red_and_the_whole_as_bad(seen, name, level, code):
    found = checks.checks(seen)
    assert [(check.level, check.code) for check in found if check.name == name] == [(level, code)]
    assert [check.name for check in found if check.level != GOOD] == ([] if level == GOOD else [name])
    assert checks.worst(found) == level


def test_every_rule_can_be_more_than_green():
    names = {name for _, name, level, _ in FACTS.values() if level != GOOD}
    assert names == {check.name for check in checks.checks(SEEN)}
    assert len(names) == len(RULES)


def test_whole_is_as_bad_as_the_worst_and_red_where_readyz_is():
    assert checks.worst([Check("a", DANGER, "x"), Check("b", WARNING, "x")]) == DANGER
    assert {name: checks.worst(checks.checks(unready(name))) for name in READY} == dict.fromkeys(READY, DANGER)
