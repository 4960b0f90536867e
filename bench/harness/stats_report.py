"""What is said of routes that are read: a table for each, and how the ratios stand."""

from __future__ import annotations

from harness import contenders as who
from harness import load
from harness.runs import Figures
from harness.stats_run import ALIVE, BADGE, FEW, FLASK, STATS, Question, Readings, name_of
from harness.tables import Report, Target
from harness.versions import Version

HEAD = ("", "requests/s", "p50 ms", "p99 ms", "CPU µs", "database CPU µs", "errors", "of Flask's constant")
OURS = name_of("SQLite", FEW)
CONSTANT = Question(STATS)


def say_readings(report: Report, found: Readings) -> None:
    for question in dict.fromkeys(question for _, question in found):
        flask = found.get((who.CEILING.name, question))
        report.say(f"{question}")
        rows = [_row(name, figures, flask) for (name, asked), figures in found.items() if asked == question]
        report.table(HEAD, rows)


def _row(name: str, each: list[Figures], flask: list[Figures] | None) -> list[str]:
    at = load.medians(each)
    database = f"{at['database_cpu_us']:.0f}" if "database_cpu_us" in at else "-"
    times = [f"{at['rate']:,.0f}", f"{at['p50_ms']:.2f}", f"{at['p99_ms']:.2f}", f"{at['cpu_us']:.0f}", database]
    errors = sum(figures["errors"] for figures in each)
    return [name, *times, f"{errors:.0f}", load.above(load.ratio(each, flask, "rate")) if flask else "-"]


def targets(found: Readings, visits: int, on_postgres: bool, before: Version | None) -> list[Target]:
    def rate(name: str, other: str) -> float:
        return load.ratio(found[name, CONSTANT], found[other, CONSTANT], "rate")

    wanted = []
    for where in ("SQLite", "PostgreSQL") if on_postgres else ("SQLite",):
        few, many = name_of(where, FEW), name_of(where, visits)
        wanted += [
            Target(f"{where}, {FEW} visits / Flask's constant", rate(few, who.CEILING.name), least=0.9),
            Target(f"{where}, {visits:,} visits / Flask's constant", rate(many, who.CEILING.name), least=0.9),
            Target(f"{where}, {visits:,} visits / {FEW} visits", rate(many, few), least=0.9, most=1.1),
        ]
    wanted += [_cpu(found, path, who.NODE_CONSTANT.name, most) for path, most in ((STATS, 1.5), (ALIVE, 1.0))]
    badge = load.ratio(found[OURS, Question(BADGE)], found[OURS, CONSTANT], "rate")
    wanted.append(Target(f"{Question(BADGE)} / {CONSTANT}", badge, least=0.9))
    if before:
        older = who.of_version(before)[0].name
        wanted += [_cpu(found, path, older, most) for path, most in ((STATS, 0.15), (ALIVE, 0.1))]
        wanted += [_cpu(found, path, older, 1.1) for path in FLASK]
    return wanted


def _cpu(found: Readings, path: str, other: str, most: float) -> Target:
    ratio = load.ratio(found[OURS, Question(path)], found[other, Question(path)], "cpu_us")
    return Target(f"{Question(path)}: CPU, {OURS} / {other}", ratio, most=most)
