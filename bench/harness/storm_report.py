"""What is said of a storm: a table of what happened, and what was promised beside what was kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.databases import STARTING_TOTAL
from harness.storms import OK, Storm
from harness.tables import Report

P99_MS = 100.0
LEAST_SHARE = 0.95
IDLE_ENOUGH_PERCENT = 50.0
"""A reading client busier than that may be what is slow."""


@dataclass(frozen=True)
class Promise:
    what: str
    found: str
    wanted: str
    kept: bool

    def row(self) -> list[str]:
        return [self.what, self.found, self.wanted, "ok" if self.kept else "missed"]


def say_storm(report: Report, storm: Storm, rate: int, seconds: int) -> bool:
    """Say everything; True when all promises were kept."""
    _say_delays(report, storm)
    _say_work(report, storm, seconds)
    promises = [*_promises(storm), *_conditions(storm, rate, seconds)]
    report.table(("promise", "found", "wanted", ""), [promise.row() for promise in promises])
    return all(promise.kept for promise in promises)


def _say_delays(report: Report, storm: Storm) -> None:
    seen = storm.deliveries
    rows = [
        [name, f"{delays.count:,}", *(f"{delays.percentile_ms(percent):.1f}" for percent in (50, 90, 99, 99.9, 100))]
        for name, delays in (("from the commit", seen.from_commit), ("from sending the request", seen.from_sending))
    ]
    report.say("From a visit to each client that shows it, for every visit and every socket, ms")
    report.table(("", "pairs", "p50", "p90", "p99", "p99.9", "most"), rows)


def _say_work(report: Report, storm: Storm, seconds: int) -> None:
    sockets = len(storm.deliveries.sockets) or 1
    batches = ", ".join(f"{counts.longest_batch_us / 1000:.1f}" for counts in storm.counts)
    took = sorted((answer.answered_ns - answer.sent_ns) / 1e6 for answer in storm.answers) or [0.0]
    report.say(f"open sockets and files of the workers: {', '.join(map(str, storm.open_files))}")
    report.say(f"updates to each socket: {storm.deliveries.updates / sockets / seconds:.1f} a second")
    report.say(f"registrations: p50 {took[len(took) // 2]:.1f} ms, p99 {took[len(took) * 99 // 100]:.1f} ms")
    report.say(f"the reading clients' longest batch: {batches} ms")
    report.say("CPU, % of a core: " + ", ".join(f"{who} {share:.0f}" for who, share in storm.cpu_percent.items()))
    report.say()


def _promises(storm: Storm) -> Sequence[Promise]:
    seen, visits = storm.deliveries, len(storm.visits)
    total = STARTING_TOTAL + visits
    p99_ms = seen.from_commit.percentile_ms(99)
    return [
        Promise(
            "99 of 100 deliveries, from the commit", f"{p99_ms:.1f} ms", f"≤ {P99_MS:.0f} ms", 0 < p99_ms <= P99_MS
        ),
        none("visits not delivered to some socket", visits * len(seen.sockets) - seen.from_commit.count),
        none(f"sockets not on the exact total {total:,}", seen.not_on(total)),
        none("updates with a lower total or revision", seen.went_back),
        none("connections lost", sum(counts.lost for counts in storm.counts)),
        Promise("ledger", "exact" if storm.exact else "BROKEN", "exact", storm.exact),
    ]


def _conditions(storm: Storm, rate: int, seconds: int) -> Sequence[Promise]:
    """Without which the promises would be kept too easily, or would not be the server's to keep."""
    visits, sockets = len(storm.visits), len(storm.deliveries.sockets)
    achieved = visits / seconds
    busiest = max((share for name, share in storm.cpu_percent.items() if name.startswith("reading")), default=0.0)
    return [
        Promise(
            "registrations a second", f"{achieved:.1f}", f"≥ {rate * LEAST_SHARE:.0f}", achieved >= rate * LEAST_SHARE
        ),
        none("registrations refused", sum(answer.status != OK for answer in storm.answers)),
        Promise("sockets whose updates were read", f"{sockets:,}", "> 0", sockets > 0),
        Promise(
            "CPU of the busiest reading client",
            f"{busiest:.0f} %",
            f"≤ {IDLE_ENOUGH_PERCENT:.0f} %",
            busiest <= IDLE_ENOUGH_PERCENT,
        ),
    ]


def none(what: str, count: int) -> Promise:
    return Promise(what, f"{count:,}", "0", count == 0)
