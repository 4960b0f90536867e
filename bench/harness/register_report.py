"""What is said of registrations: a table for each load, and how the ratios stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness import contenders as who
from harness import load
from harness.contenders import Contender
from harness.runs import Run
from harness.tables import Report, Target

BUSY = 64
LOADS = (1, BUSY, 256)
HEAD = ("", "requests/s", "p50 ms", "p99 ms", "CPU µs", "database CPU µs", "errors", "ledger", "of Flask's constant")

Runs = Mapping[Contender, Sequence[Run]]


def say_runs(report: Report, runs: Runs) -> None:
    for connections in LOADS:
        report.say(f"{connections} connection{'s' * (connections > 1)}")
        report.table(HEAD, [_row(contender, runs, connections) for contender in runs])
    rows = [
        [contender.name, f"{last.rss_before:.1f}", f"{last.rss_after:.1f}", f"{last.registered:,}"]
        for contender, (*_, last) in runs.items()
    ]
    report.say("Memory of the worker (of the first one where there are several).")
    report.table(("", "at start MB", "at the end MB", "registrations"), rows)


def _row(contender: Contender, runs: Runs, connections: int) -> list[str]:
    at = load.medians(run.figures[connections] for run in runs[contender])
    database = f"{at['database_cpu_us']:.0f}" if "database_cpu_us" in at else "-"
    errors = sum(run.figures[connections]["errors"] for run in runs[contender])
    times = [f"{at['rate']:,.0f}", f"{at['p50_ms']:.2f}", f"{at['p99_ms']:.2f}", f"{at['cpu_us']:.0f}", database]
    flask = load.above(_ratio(runs, connections, contender, who.CEILING, "rate"))
    return [contender.name, *times, f"{errors:.0f}", _ledger(runs[contender]), flask]


def _ledger(runs: Sequence[Run]) -> str:
    verdicts = {run.exact for run in runs}
    return "-" if verdicts == {None} else "exact" if verdicts == {True} else "BROKEN"


def targets(runs: Runs, before: tuple[Contender, Contender] | None) -> list[Target]:
    """At 64 connections."""

    def rate(contender: Contender, other: Contender, least: float) -> Target:
        return Target(f"{contender.name} / {other.name}", _ratio(runs, BUSY, contender, other, "rate"), least=least)

    found = [
        rate(who.ON_SQLITE, who.CEILING, 0.8),
        rate(who.ON_SQLITE, who.CHECKED_CEILING, 0.8),
        rate(who.ON_SQLITE, who.NODE_CONSTANT, 0.25),
        rate(who.ON_POSTGRES, who.CEILING, 0.7),
        rate(who.ON_POSTGRES, who.CHECKED_CEILING, 0.7),
        rate(who.ON_SQLITE, who.NODE, 10),
        rate(who.ON_POSTGRES, who.NODE, 8),
    ]
    return found + (_since(runs, *before, rate) if before else [])


def _since(runs: Runs, sqlite: Contender, postgres: Contender, rate) -> list[Target]:
    """Against the version before. The last but one is only to be seen: work may have moved into the database."""

    def cpu(ours: Contender, theirs: Contender, figure: str, **bounds: float) -> Target:
        what = "CPU with the database's" if figure == "all_cpu_us" else "CPU"
        return Target(f"{what}, {ours.name} / {theirs.name}", _ratio(runs, BUSY, ours, theirs, figure), **bounds)

    alone = _ratio(runs, 1, who.ON_POSTGRES, postgres, "p50_ms")
    return [
        cpu(who.ON_SQLITE, sqlite, "cpu_us", most=0.36),
        rate(who.ON_SQLITE, sqlite, 2.6),
        cpu(who.ON_POSTGRES, postgres, "cpu_us", most=0.45),
        rate(who.ON_POSTGRES, postgres, 2.0),
        cpu(who.ON_POSTGRES, postgres, "all_cpu_us"),
        Target(f"alone, p50, {who.ON_POSTGRES.name} / {postgres.name}", alone, most=0.9),
    ]


def _ratio(runs: Runs, connections: int, ours: Contender, theirs: Contender, figure: str) -> float:
    each = ([run.figures[connections] for run in runs[contender]] for contender in (ours, theirs))
    return load.ratio(*each, figure)
