"""What is said of routes that are read: a table for each, and how the ratios stand."""

from __future__ import annotations

from statistics import median

from harness import contenders as who
from harness import load
from harness.routes import PATHS
from harness.runs import Figures
from harness.stats_run import ALIVE, BADGE, FEW, STATS, Question, Reading, Readings, name_of
from harness.tables import Report, Target
from harness.versions import Version

HEAD = ("", "requests/s", "p50 ms", "p99 ms", "CPU µs", "database CPU µs", "errors", "of Flask's constant")
OURS = name_of("SQLite", FEW)
CONSTANT = Question(STATS)


def say_readings(report: Report, found: Readings) -> None:
    for question in dict.fromkeys(question for _, question in found):
        flask = found.get((who.CEILING.name, question), Reading())
        for client in load.clients():
            report.say(f"{question}" + (f", with {client} as the client" if client != load.OWN else ""))
            rows = [
                _row(name, reading.figures[client], flask.figures.get(client))
                for (name, asked), reading in found.items()
                if asked == question
            ]
            report.table(HEAD, rows)
    _say_flask(report, found)


def _row(name: str, each: list[Figures], flask: list[Figures] | None) -> list[str]:
    at = load.medians(each)
    database = f"{at['database_cpu_us']:.0f}" if "database_cpu_us" in at else "-"
    times = [f"{at['rate']:,.0f}", f"{at['p50_ms']:.2f}", f"{at['p99_ms']:.2f}", f"{at['cpu_us']:.0f}", database]
    errors = sum(figures["errors"] for figures in each)
    return [name, *times, f"{errors:.0f}", load.above(load.ratio(each, flask, "rate")) if flask else "-"]


def _say_flask(report: Report, found: Readings) -> None:
    rows = [
        [f"{name}: {question}", f"{median(_cpu_us(reading, load.OWN)):.0f}", f"{median(reading.flask_us):.0f}"]
        for (name, question), reading in found.items()
        if reading.flask_us
    ]
    report.say("Routes of Flask, and a call of the same application without a server, CPU µs")
    report.table(("", "server", "no server"), rows)


def targets(found: Readings, visits: int, on_postgres: bool, before: Version | None) -> list[Target]:
    """Each with the client with which it looks worse."""
    wanted = []
    for where in ("SQLite", "PostgreSQL") if on_postgres else ("SQLite",):
        few, many = name_of(where, FEW), name_of(where, visits)
        wanted += [
            Target(f"{where}, {FEW} visits / Flask's constant", _rate(found, few, who.CEILING.name), least=0.9),
            Target(f"{where}, {visits:,} visits / Flask's constant", _rate(found, many, who.CEILING.name), least=0.9),
            Target(f"{where}, {visits:,} visits / {FEW} visits", _rate(found, many, few), least=0.9, most=1.1),
        ]
    wanted += [_cpu(found, Question(path), who.NODE_CONSTANT.name, most) for path, most in ((STATS, 1.5), (ALIVE, 1.0))]
    wanted.append(Target(f"{Question(BADGE)} / {CONSTANT}", _badge(found), least=0.9))
    return wanted + (_since(found, who.of_version(before)[0].name) if before else [])


def _since(found: Readings, before: str) -> list[Target]:
    cpu = [_cpu(found, Question(path), before, most) for path, most in ((STATS, 0.15), (ALIVE, 0.1))]
    return cpu + [_above_flask(found, Question(path), before) for path in PATHS]


def _rate(found: Readings, name: str, other: str) -> float:
    return min(_ratio(found, CONSTANT, name, other, "rate", client) for client in load.clients())


def _badge(found: Readings) -> float:
    """Requests for a badge a second beside those for the stats."""
    badge, stats = (found[OURS, Question(path)].figures for path in (BADGE, STATS))
    return min(load.ratio(badge[client], stats[client], "rate") for client in load.clients())


def _cpu(found: Readings, question: Question, other: str, most: float) -> Target:
    ratio = max(_ratio(found, question, OURS, other, "cpu_us", client) for client in load.clients())
    return Target(f"{question}: CPU, {OURS} / {other}", ratio, most=most)


def _ratio(found: Readings, question: Question, name: str, other: str, figure: str, client: str) -> float:
    ours, theirs = (found[each, question].figures[client] for each in (name, other))
    return load.ratio(ours, theirs, figure)


def _above_flask(found: Readings, question: Question, before: str) -> Target:
    """What the server adds to a call of its application."""
    ratios = []
    for client in load.clients():
        ours, theirs = (_added_us(found[name, question], client) for name in (OURS, before))
        ratios.append(ours / theirs)
    return Target(f"{question}: CPU above Flask's own, {OURS} / {before}", max(ratios), most=0.5)


def _added_us(reading: Reading, client: str) -> float:
    return median(total - own for total, own in zip(_cpu_us(reading, client), reading.flask_us, strict=True))


def _cpu_us(reading: Reading, client: str) -> list[float]:
    return [figures["cpu_us"] for figures in reading.figures[client]]
