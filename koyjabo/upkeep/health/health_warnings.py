"""The warnings about the server itself. Each rule looks at facts, and warns if an operator should act."""

from collections.abc import Callable

from koyjabo.base.core.i18n import N_
from koyjabo.base.core.installation import VERSION
from koyjabo.base.database.revisions import NEWEST_REVISION
from koyjabo.base.observability.health_warning import DANGER, WARNING, HealthWarning
from koyjabo.upkeep.recounts.recounts import RECOUNT_BEGUN
from .causes import CAUSE_SENTENCES, UNKNOWN_CAUSE, cause_of_silence
from .facts import SystemFacts

BUSY_LOOP_MS = 250.0
"""Event loop delay that people begin to notice, ms."""

FULL_DISK_BYTES, TIGHT_DISK_BYTES, TIGHT_DISK_SHARE = 200_000_000, 1_000_000_000, 0.05
"""Limits for free disk space, as bytes or a share: red below FULL_DISK_BYTES, amber below either of the others."""

CLOCK_OFF_MS, CLOCK_WRONG_MS = 2_000, 60_000

LATE_NIGHT_MS = 2 * 86_400_000
"""How long the nightly work may be overdue, ms."""


def warnings(facts: SystemFacts) -> list[HealthWarning]:
    return [warning for rule in WARNING_RULES if (warning := rule(facts))]


def writer(facts: SystemFacts) -> HealthWarning | None:
    unsaved = facts.unsaved
    if unsaved is None:
        if facts.ready["writer"].ok:
            return None
        late = N_("A visit has waited too long to be saved, or could not be saved.")
        return HealthWarning("writer", late, UNKNOWN_CAUSE.advice, UNKNOWN_CAUSE.section, level=DANGER)
    sentence = N_("Visits have not been saved since %(since)s. Open pages keep them and send them again.")
    cause = CAUSE_SENTENCES.get(unsaved.cause, UNKNOWN_CAUSE)
    values = {"since": unsaved.since_ms}
    return HealthWarning("writer", sentence, cause.advice, cause.section, values, DANGER, cause.sentence)


def database(facts: SystemFacts) -> HealthWarning | None:
    if not facts.ready["database"].ok:
        cause = CAUSE_SENTENCES["refused"] if facts.lacked_grants else cause_of_silence()
        return HealthWarning("database", *cause, level=DANGER)
    if unsafe := facts.stored.database.unsafe:
        return HealthWarning(
            "database",
            N_("A crash of the database's machine can lose saved visits, because of its settings: %(settings)s"),
            N_("Turn these settings on in postgresql.conf, then restart PostgreSQL."),
            "a-failover-lost-visits-or-could",
            {"settings": ", ".join(unsafe)},
        )
    if not facts.survives_deploy:
        return HealthWarning(
            "database",
            N_("The next deploy will delete the database file."),
            N_("Set DATABASE_URL, or put the file on a persistent disk."),
            "the-server-does-not-start",
        )
    return None


def disk(facts: SystemFacts) -> HealthWarning | None:
    disk = facts.disk
    if disk is None or disk.free >= max(TIGHT_DISK_BYTES, TIGHT_DISK_SHARE * disk.total):
        return None
    sentence, level = N_("Only %(free)s of %(total)s are free."), WARNING
    if disk.is_low and facts.is_sqlite:
        level = DANGER
        sentence = N_(
            "Only %(free)s of %(total)s are free. Visits are still counted; page views and events are refused."
        )
    elif disk.free < FULL_DISK_BYTES:
        level = DANGER
        sentence = N_("Only %(free)s of %(total)s are free. Visits cannot be saved once the disk is full.")
    values = {"free": disk.free, "total": disk.total}
    return HealthWarning(
        "disk", sentence, CAUSE_SENTENCES["full"].advice, CAUSE_SENTENCES["full"].section, values, level
    )


def redis(facts: SystemFacts) -> HealthWarning | None:
    if facts.redis_refusal:
        return HealthWarning(
            "redis",
            N_("Redis refuses this server: %(error)s"),
            N_("Check the user and password in REDIS_URL, and the rights of that user. Visits are still counted."),
            "redis-refuses-the-server-redis_refused",
            {"error": facts.redis_refusal},
            DANGER,
        )
    if _is_redis_silent(facts):
        return HealthWarning(
            "redis",
            N_("Redis does not respond."),
            N_("Check that Redis runs and that REDIS_URL is right. Visits are still counted."),
            "redis-is-down-redis_unreachable",
            level=DANGER,
        )
    return None


def _is_redis_silent(facts: SystemFacts) -> bool:
    return "redis" in facts.ready and not facts.ready["redis"].ok


def workers(facts: SystemFacts) -> HealthWarning | None:
    lag_ms = max(worker.lag_ms for worker in facts.workers)
    is_late = not facts.ready["loop"].ok
    if is_late or lag_ms > BUSY_LOOP_MS:
        return HealthWarning(
            "workers",
            N_("A worker is %(ms)s ms behind; pages update late."),
            N_("If this continues, raise WEB_CONCURRENCY, or use a machine with more cores."),
            "the-server-is-slow",
            {"ms": round(lag_ms)},
            DANGER if is_late else WARNING,
        )
    running, expected = len(facts.workers), facts.expected_workers
    if running < expected and not _is_redis_silent(facts):  # without Redis, each worker only sees itself
        return HealthWarning(
            "workers",
            N_("Workers running: %(count)s of %(wanted)s."),
            N_("A worker that stops is replaced within seconds. If this continues, see the log."),
            "a-worker-dies-again-and-again-worker_died",
            {"count": running, "wanted": expected},
        )
    return None


def rollback(facts: SystemFacts) -> HealthWarning | None:
    rollback = facts.stored.database.rollback
    if rollback is None:
        return None
    return HealthWarning(
        "rollback",
        N_("The database was rolled back on %(at)s. Acknowledged visits lost: %(count)s"),
        N_("docs/failover.md#what-may-be-lost explains how visits can be lost, and what to set so that none are."),
        "a-failover-lost-visits-or-could",
        {"at": rollback.at_ms, "count": rollback.lost},
        DANGER,
    )


def clock(facts: SystemFacts) -> HealthWarning | None:
    """Compare our clock with the database's; SQLite has none, so compare it with the newest visit, which cannot be in
    the future.
    """
    off_ms = abs(facts.stored.clock_off_ms)
    sentence = N_("The clocks of this machine and of the database differ by %(seconds)s s.")
    advice = N_("Set both machines' clocks from the network (NTP).")
    if off_ms <= CLOCK_OFF_MS:
        off_ms = facts.stored.database.newest_visit_ms - facts.now_ms
        sentence = N_("The newest visit is %(seconds)s s in the future: the clock was ahead then, or is behind now.")
        advice = N_("Set the machine's clock from the network (NTP).")
    if off_ms <= CLOCK_OFF_MS:
        return None
    level = DANGER if off_ms > CLOCK_WRONG_MS else WARNING
    return HealthWarning("clock", sentence, advice, "a-clock-is-wrong", {"seconds": round(off_ms / 1000)}, level)


def standby(facts: SystemFacts) -> HealthWarning | None:
    standbys = facts.stored.database.standbys
    if not standbys.connected or standbys.synchronous:
        return None
    sentence = N_("A failover may lose acknowledged visits: no standby is synchronous. Connected: %(count)s")
    advice = N_("Set synchronous_standby_names in PostgreSQL; docs/failover.md#what-may-be-lost says how.")
    if standbys.hidden:
        sentence = N_("Whether a standby is synchronous is unknown. Connected standbys: %(count)s")
        advice = N_("Grant pg_read_all_stats to the role in DATABASE_URL, so that the server can see it.")
    section = "a-failover-lost-visits-or-could"
    return HealthWarning("standby", sentence, advice, section, {"count": standbys.connected})


def text_order(facts: SystemFacts) -> HealthWarning | None:
    order = facts.stored.database.changed_order
    if order is None:
        return None
    sentence = N_("The order of texts below PostgreSQL has changed: version %(recorded)s is now %(actual)s.")
    advice = N_("No number depends on it. The owner of the database ends this warning with: %(statement)s")
    if not order.actual:
        sentence = N_("The order of texts below PostgreSQL has changed: version %(recorded)s is no longer there.")
        advice = N_("No number depends on it, and there is nothing to do.")
    values = {"recorded": order.recorded, "actual": order.actual, "statement": order.command}
    return HealthWarning("text_order", sentence, advice, "the-order-of-texts-has-changed", values, rank=5)


def rights(facts: SystemFacts) -> HealthWarning | None:
    statement = facts.lacked_grants or facts.stored.database.sequence_grant
    if not statement:
        return None
    sentence = N_("The role in DATABASE_URL may not set sequences, which it needs after a copy or a failover.")
    if facts.lacked_grants:
        sentence = N_("The role in DATABASE_URL lacks rights on tables or sequences.")
    advice = N_("As the owner of the tables, run: %(statement)s")
    level = DANGER if facts.lacked_grants else WARNING
    values = {"statement": statement}
    return HealthWarning("rights", sentence, advice, "the-role-lacks-rights", values, level, rank=5)


def proxies(facts: SystemFacts) -> HealthWarning | None:
    if not facts.proxy_address:
        return None
    return HealthWarning(
        "proxies",
        N_("All visitors seem to come from %(address)s: set TRUSTED_PROXIES"),
        N_("Set TRUSTED_PROXIES to the number next to your own address."),
        "requests-get-429",
        {"address": facts.proxy_address},
    )


def recount(facts: SystemFacts) -> HealthWarning | None:
    running, last = facts.stored.recounts
    if running is not None or last is None:
        return None
    values, section = {"at": last.at_ms}, "the-numbers-look-wrong"
    recount_now = N_("Start one: %(receipt)s")
    if last.action == RECOUNT_BEGUN or "error" in last.details:
        return HealthWarning("recount", N_("The recount of %(at)s failed."), recount_now, section, values, rank=2)
    if not last.details["agrees"]:
        return HealthWarning(
            "recount",
            N_("On %(at)s some numbers did not agree. Problems: %(count)s"),
            N_("Run %(command)s verify --repair where the server runs. %(receipt)s shows the problems."),
            section,
            {**values, "count": last.details["problem_count"]},
            DANGER,
            rank=2,
        )
    if facts.now_ms - last.at_ms <= LATE_NIGHT_MS:
        return None
    sentence = N_("The last recount was on %(at)s; there should be one every night.")
    return HealthWarning("recount", sentence, recount_now, section, values, rank=2)


def places(facts: SystemFacts) -> HealthWarning | None:
    if facts.has_countries:
        return None
    return HealthWarning(
        "places",
        N_("The country database is missing, so all locations are unknown."),
        N_("Run make assets, then restart the server."),
        "locations-are-unknown",
        rank=5,
    )


def version(facts: SystemFacts) -> HealthWarning | None:
    schema = facts.stored.database.schema
    if schema <= NEWEST_REVISION:
        return None
    return HealthWarning(
        "version",
        N_("The database has schema %(schema)s, from a newer version than this one (%(version)s)."),
        N_("Deploy the newer version to all machines."),
        "a-newer-version-has-migrated-the-database",
        {"schema": int(schema), "version": VERSION},
        rank=5,
    )


WARNING_RULES: tuple[Callable[[SystemFacts], HealthWarning | None], ...] = (
    *(writer, database, disk, redis, workers, rollback, clock, standby, proxies, recount, places, version),
    *(text_order, rights),
)
"""All rules, the most harmful problems first. Warnings with the same level and rank are shown in this order."""
