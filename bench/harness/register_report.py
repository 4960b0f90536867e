"""What is said of registrations: a table for each load, and how the ratios stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness import contenders as who
from harness import load
from harness.contenders import Contender
from harness.runs import Case, Run
from harness.tables import Report, Target

BUSY = 64
CASES = (Case(1), Case(BUSY), Case(256))
HEAD = ("", "requests/s", "p50 ms", "p99 ms", "CPU µs", "database CPU µs", "errors", "ledger", "of Flask's constant")

Runs = Mapping[Contender, Sequence[Run]]


def cases() -> list[Case]:
    """With the second client where it is there."""
    return [*CASES, *(Case(BUSY, client) for client in load.clients() if client != load.OWN)]


def say_runs(report: Report, runs: Runs) -> None:
    for case in cases():
        name = f"{case.connections} connection{'s' * (case.connections > 1)}"
        report.say(name if case.client == load.OWN else f"{name}, with {case.client} as the client")
        report.table(HEAD, [_row(contender, runs, case) for contender in runs])


def _row(contender: Contender, runs: Runs, case: Case) -> list[str]:
    at = load.medians(run.figures[case] for run in runs[contender])
    database = f"{at['database_cpu_us']:.0f}" if "database_cpu_us" in at else "-"
    errors = sum(run.figures[case]["errors"] for run in runs[contender])
    times = [f"{at['rate']:,.0f}", f"{at['p50_ms']:.2f}", f"{at['p99_ms']:.2f}", f"{at['cpu_us']:.0f}", database]
    flask = load.above(_ratio(runs, case, contender, who.CEILING, "rate"))
    return [contender.name, *times, f"{errors:.0f}", _ledger(runs[contender]), flask]


def _ledger(runs: Sequence[Run]) -> str:
    verdicts = {run.exact for run in runs}
    return "-" if verdicts == {None} else "exact" if verdicts == {True} else "BROKEN"


def targets(runs: Runs, before: tuple[Contender, Contender] | None) -> list[Target]:
    """At 64 connections; each with the client with which it looks worse."""

    def rate(contender: Contender, other: Contender, least: float) -> Target:
        return Target(f"{contender.name} / {other.name}", _worse(runs, contender, other, "rate", min), least=least)

    found = [
        rate(who.ON_SQLITE, who.CEILING, 0.8),
        rate(who.ON_SQLITE, who.CHECKED_CEILING, 0.8),
        rate(who.ON_SQLITE, who.NODE_CONSTANT, 0.25),
        rate(who.ON_POSTGRES, who.CEILING, 0.7),
        rate(who.ON_POSTGRES, who.CHECKED_CEILING, 0.7),
        rate(who.ON_SQLITE, who.NAIVE_SQLITE, 8),
        rate(who.ON_POSTGRES, who.NAIVE_POSTGRES, 10),
        rate(who.ON_SQLITE, who.NODE, 10),
        rate(who.ON_SQLITE, who.DJANGO, 30),
        rate(who.ON_POSTGRES, who.NODE, 8),
        rate(who.ON_POSTGRES, who.DJANGO, 25),
    ]
    return found + (_since(runs, *before, rate) if before else [])


def _since(runs: Runs, sqlite: Contender, postgres: Contender, rate) -> list[Target]:
    """Against the version before. The last but one is only to be seen: work may have moved into the database."""

    def cpu(ours: Contender, theirs: Contender, figure: str, **bounds: float) -> Target:
        what = "CPU with the database's" if figure == "all_cpu_us" else "CPU"
        return Target(f"{what}, {ours.name} / {theirs.name}", _worse(runs, ours, theirs, figure, max), **bounds)

    alone = _ratio(runs, Case(1), who.ON_POSTGRES, postgres, "p50_ms")
    return [
        cpu(who.ON_SQLITE, sqlite, "cpu_us", most=0.36),
        rate(who.ON_SQLITE, sqlite, 2.6),
        cpu(who.ON_POSTGRES, postgres, "cpu_us", most=0.45),
        rate(who.ON_POSTGRES, postgres, 2.0),
        cpu(who.ON_POSTGRES, postgres, "all_cpu_us"),
        Target(f"alone, p50, {who.ON_POSTGRES.name} / {postgres.name}", alone, most=0.9),
    ]


def _worse(runs: Runs, ours: Contender, theirs: Contender, figure: str, choose) -> float:
    return choose(_ratio(runs, case, ours, theirs, figure) for case in cases() if case.connections == BUSY)


def _ratio(runs: Runs, case: Case, ours: Contender, theirs: Contender, figure: str) -> float:
    each = ([run.figures[case] for run in runs[contender]] for contender in (ours, theirs))
    return load.ratio(*each, figure)
