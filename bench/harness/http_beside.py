"""HTTP beside broadcasts: how long GET /api/stats takes while everybody is told of visit after visit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.broadcasts import Stage, Stand
from harness.steady import Answer, Steady, percentile
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
    quiet_p99_ms: float  # with the same sockets open, and nothing to tell them
    p50_ms: float
    p99_ms: float
    most_ms: float


def is_wanted(stage: Stage) -> bool:
    """Of each version of the product with each kind of socket; those that offer deflate are plain sockets again."""
    return stage.pusher.own and not stage.pusher.door.deflate


def read(stage: Stage, stand: Stand, seconds: float) -> Reading:
    """Visits are registered as in life, each a change for all sockets; the reads are due at fixed moments."""
    stage.crowd.settle()
    stage.crowd.give_way()  # to the reads, whose time is measured on the same core
    port, core = stage.server.port, stand.load_core
    quiet = Steady(port, "stats", READS_A_SECOND, seconds, core=core).answers()
    before = stage.crowd.counts().updates
    visits = Steady(port, "register", VISITS_A_SECOND, seconds, core=core)
    reads = Steady(port, "stats", READS_A_SECOND, seconds, core=core)
    answers, visited = reads.answers(), visits.answers()
    stage.crowd.settle()
    updates = stage.crowd.counts().updates - before
    took = _took_ms(answers)
    return Reading(
        name=stage.pusher.name,
        connections=stage.crowd.size,
        requests=len(answers),
        errors=sum(answer.status != OK for answer in (*quiet, *answers, *visited)),
        updates_a_second=updates / stage.crowd.size / seconds,
        quiet_p99_ms=percentile(_took_ms(quiet), 99),
        p50_ms=percentile(took, 50),
        p99_ms=percentile(took, 99),
        most_ms=max(took, default=0.0),
    )


def _took_ms(answers: Sequence[Answer]) -> list[float]:
    return [answer.took_ms for answer in answers]


def say(report: Report, readings: Sequence[Reading]) -> None:
    report.say(
        f"GET /api/stats, {READS_A_SECOND} a second, while {VISITS_A_SECOND} visits a second change what all are told"
    )
    counts, times = ("connections", "updates/s to each", "requests"), ("p99 ms before", "p50 ms", "p99 ms", "most ms")
    report.table(("", *counts, *times, "errors"), [_row(reading) for reading in readings])


def _row(seen: Reading) -> list[str]:
    times = [f"{ms:.2f}" for ms in (seen.quiet_p99_ms, seen.p50_ms, seen.p99_ms, seen.most_ms)]
    counts = [f"{seen.connections:,}", f"{seen.updates_a_second:.1f}", f"{seen.requests:,}"]
    return [seen.name, *counts, *times, str(seen.errors)]
