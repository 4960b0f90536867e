"""HTTP beside broadcasts: how long GET /api/stats takes while everybody is told of visit after visit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.broadcasts import Stage, Stand
from harness.steady import Steady, percentile
from harness.tables import Report

VISITS_A_SECOND = 20
READS_A_SECOND = 100
OK = 200


@dataclass(frozen=True)
class Reading:
    name: str
    connections: int
    requests: int
    errors: int
    updates_a_second: float  # to each client
    p50_ms: float
    p99_ms: float
    most_ms: float


def read(stage: Stage, stand: Stand, seconds: float) -> Reading:
    """Visits are registered as in life, each a change for all sockets; the reads are due at fixed moments."""
    stage.crowd.settle()
    stage.crowd.give_way()  # to the reads, whose time is measured on the same core
    before = stage.crowd.counts().updates
    visits = Steady(stage.server.port, "register", VISITS_A_SECOND, seconds, core=stand.load_core)
    reads = Steady(stage.server.port, "stats", READS_A_SECOND, seconds, core=stand.load_core)
    answers, visited = reads.answers(), visits.answers()
    stage.crowd.settle()
    updates = stage.crowd.counts().updates - before
    took = [answer.took_ms for answer in answers]
    return Reading(
        name=stage.pusher.name,
        connections=stage.crowd.size,
        requests=len(answers),
        errors=sum(answer.status != OK for answer in (*answers, *visited)),
        updates_a_second=updates / stage.crowd.size / seconds,
        p50_ms=percentile(took, 50),
        p99_ms=percentile(took, 99),
        most_ms=max(took, default=0.0),
    )


def say(report: Report, readings: Sequence[Reading]) -> None:
    report.say(
        f"GET /api/stats, {READS_A_SECOND} a second, while {VISITS_A_SECOND} visits a second change what all are told"
    )
    head = ("", "connections", "updates/s to each", "requests", "p50 ms", "p99 ms", "most ms", "errors")
    report.table(head, [_row(reading) for reading in readings])


def _row(seen: Reading) -> list[str]:
    times = [f"{ms:.2f}" for ms in (seen.p50_ms, seen.p99_ms, seen.most_ms)]
    counts = [f"{seen.connections:,}", f"{seen.updates_a_second:.1f}", f"{seen.requests:,}"]
    return [seen.name, *counts, *times, str(seen.errors)]
