"""The promises (specification: Status), and how each is judged by what was measured (decision 100)."""

from __future__ import annotations

from typing import NamedTuple

from koyjabo.core.clock import MINUTE_MS
from koyjabo.core.i18n import N_
from koyjabo.status.latencies import percentile_ms
from koyjabo.status.measurement_queries import FREED, HOUR_MS, MONTH_MS, OUTAGE, RETRIES, MeasuredSum, PromiseFacts

LATE_MS = 500
"""The alert KoyJaboPagesLate has the same limit."""

OLD_BACKUP_MS = 36 * HOUR_MS
"""As in Health."""

TIME = "time"


class Promise(NamedTuple):
    """A promise and its measurement: `value` and `ok` are None where nothing was measured."""

    id: str
    sentence: str  # in English; pages translate it
    unit: str
    value: float | None = None  # with TIME: ms since 1970 UTC
    ok: bool | None = None
    since_ms: int | None = None  # from when on the value was measured; of a recount or a backup: when it ended


class Evidence(NamedTuple):
    """What the promises are judged by."""

    now_ms: int
    facts: PromiseFacts
    outage_ms: int = 0  # of the one that goes on
    has_backups: bool = False


NOTHING = PromiseFacts({}, {}, 0, None, None, None, None, None)


def judge(evidence: Evidence) -> tuple[Promise, ...]:
    """All promises, in the order in which they are shown."""
    return (
        _gaps(evidence),
        _latency(evidence),
        _sum(
            evidence.facts.sums.get(RETRIES), RETRIES, N_("A visit that is sent again is not counted again."), "retries"
        ),
        _outages(evidence),
        _sum(
            evidence.facts.sums.get(FREED),
            FREED,
            N_("When a process of the server crashes, its members are offline within 15 seconds."),
            "people",
        ),
        _backup(evidence),
        _rollbacks(evidence),
    )


def _gaps(evidence: Evidence) -> Promise:
    last = evidence.facts.recount
    promise = Promise("gaps_and_repeats", N_("Every visit has a number: none is missing, none occurs twice."), "errors")
    if last is None:
        return promise
    return promise._replace(value=last.errors, ok=last.errors == 0, since_ms=last.at_ms)


def _latency(evidence: Evidence) -> Promise:
    p99_ms = percentile_ms(evidence.facts.pushes, 0.99)
    promise = Promise(
        "commit_to_page_p99", N_("Open pages show a visit within half a second of it being saved (99 of 100)."), "ms"
    )
    if p99_ms is None:
        return promise
    return promise._replace(value=round(p99_ms, 1), ok=p99_ms <= LATE_MS, since_ms=_since(evidence, HOUR_MS))


def _sum(measured: MeasuredSum | None, id: str, sentence: str, unit: str) -> Promise:
    """A sum says how often a promise was put to the test, so it is kept whatever the sum is."""
    if measured is None:
        return Promise(id, sentence, unit)
    return Promise(id, sentence, unit, measured.amount, True, measured.since_ms)


def _outages(evidence: Evidence) -> Promise:
    promise = Promise(OUTAGE, N_("Visits can be saved at any time."), "minutes")
    if OUTAGE not in evidence.facts.sums and not evidence.outage_ms:
        return promise
    minutes = round((evidence.facts.outage_ms + evidence.outage_ms) / MINUTE_MS, 1)
    return promise._replace(value=minutes, ok=minutes == 0, since_ms=_since(evidence, MONTH_MS))


def _backup(evidence: Evidence) -> Promise:
    proven_ms, failed_ms = evidence.facts.proven_ms, evidence.facts.failed_ms
    promise = Promise("last_proven_backup", N_("A backup is made, restored and recounted every day."), TIME)
    if not evidence.has_backups or (proven_ms is None and failed_ms is None):
        return promise
    if proven_ms is None:
        return promise._replace(ok=False, since_ms=failed_ms)
    return promise._replace(value=proven_ms, ok=evidence.now_ms - proven_ms <= OLD_BACKUP_MS, since_ms=proven_ms)


def _rollbacks(evidence: Evidence) -> Promise:
    promise = Promise("rollbacks", N_("The database does not return to an earlier state."), "rollbacks")
    count = evidence.facts.rollbacks
    if count is None:
        return promise
    since_ms = _since(evidence, MONTH_MS)
    return promise._replace(value=count, ok=count == 0, since_ms=min(since_ms, evidence.facts.rollback_ms or since_ms))


def _since(evidence: Evidence, length_ms: int) -> int:
    """When a period that ends now began, or measuring itself."""
    began_ms, measured = evidence.now_ms - length_ms, evidence.facts.sums.get(OUTAGE)
    return max(began_ms, measured.since_ms) if measured else began_ms
