"""Measures GET /api/stats with 10 and with 10 million stored visits, constant responses, and one route of each other
kind.

Fills ledgers first (they are kept in bench/.cache/ledgers). Prints tables and the ratios with their targets; the same
text goes to bench/results/stats.txt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

import click
from harness.clients import http_load as load
from harness.measurements import contenders
from harness.measurements.contenders import WARM_UP_S, Contender, Testbed, prepared
from harness.reporting import machine
from harness.reporting.tables import NO_WORSE, Report, Target, in_turn, ratio, say_targets
from harness.servers import versions
from harness.servers.databases import POSTGRES, SQLITE
from harness.servers.ledgers import filled, wait_until_read
from harness.servers.server import Server
from harness.servers.versions import Version
from support.databases.database import Database, SqliteDatabase

CONNECTIONS = 64
FEW = 10
STATS, ALIVE, BADGE = "/api/stats", "/healthz", "/badge.svg?value=total"
PAGES = ("/openapi.json", "/")


@dataclass(frozen=True)
class Question:
    path: str
    is_conditional: bool = False  # with If-None-Match, which gets 304

    def __str__(self) -> str:
        return f"GET {self.path}" + (", 304" if self.is_conditional else "")


CONSTANT = (Question(STATS), Question(ALIVE))
EVERYTHING = (*CONSTANT, *map(Question, PAGES))
MANY_VISITS = (Question(STATS), Question(STATS, is_conditional=True))


@dataclass(frozen=True)
class Subject:
    """A server on a database, and the questions it is asked."""

    name: str
    server: Contender
    database: Database
    questions: tuple[Question, ...]


Readings = Mapping[tuple[str, Question], list[load.Figures]]
"""Figures of each round, by subject and question."""


def name_of(where: str, visits: int) -> str:
    return f"this server, {where}, {visits:,} visits"


OURS = name_of(SQLITE, FEW)


@click.command(help=__doc__)
@click.option("--visits", default=10_000_000, show_default=True, help="visits in the large ledger")
@click.option("--postgres", "with_postgres", is_flag=True, help="also measure PostgreSQL")
@click.option("--quick", is_flag=True, help="one round of one second, only to see that it works; not stored")
@versions.option
def main(visits: int, with_postgres: bool, quick: bool, before: Version | None) -> None:
    rounds, seconds = (1, 1) if quick else (3, 4)
    machine.demand("cc", "taskset", "node")
    cores = machine.two_cores()
    report = machine.begin_report(
        "stats",
        f"GET /api/stats and other routes, {CONNECTIONS} connections",
        f"server on core {cores[0]}, clients and PostgreSQL on core {cores[1]}; Node {machine.node_version()}",
        f"medians of {rounds} interleaved rounds, {seconds} s each",
    )
    with prepared(cores, POSTGRES if with_postgres else SQLITE) as testbed:
        readings = read_all(subjects(visits, testbed, before), testbed, rounds, seconds)
    say_readings(report, readings)
    say_targets(report, targets(readings, visits, with_postgres, before))
    if not quick:
        report.save()


def subjects(visits: int, testbed: Testbed, before: Version | None) -> list[Subject]:
    subjects = []
    places = ((None, contenders.ON_SQLITE), (testbed.postgres, contenders.ON_POSTGRES))
    for server, contender in places if testbed.postgres else places[:1]:
        few, many = (filled("visits", count, server, is_kept=True) for count in (FEW, visits))
        with testbed.server(contender, many) as reading:
            wait_until_read(reading, many)
        asked = (*EVERYTHING, Question(BADGE)) if server is None else CONSTANT[:1]
        subjects.append(Subject(name_of(contender.backend, FEW), contender, few, asked))
        subjects.append(Subject(name_of(contender.backend, visits), contender, many, MANY_VISITS))
    subjects += [
        Subject(contender.name, contender, subjects[0].database, CONSTANT)
        for contender in (contenders.FLASK, contenders.NODE)
    ]
    if before:
        server, _ = contenders.of_version(before)
        subjects.append(Subject(server.name, server, SqliteDatabase(testbed.folder / "before.db"), EVERYTHING))
    return subjects


def read_all(subjects: list[Subject], testbed: Testbed, rounds: int, seconds: int) -> Readings:
    readings: dict[tuple[str, Question], list[load.Figures]] = {}
    for subject in in_turn(subjects, rounds):
        with testbed.server(subject.server, subject.database) as server:
            if subject.server.migrates:
                register_few(server)
            for question in subject.questions:
                figures = read(subject, question, server, testbed, seconds)
                readings.setdefault((subject.name, question), []).append(figures)
    return readings


def register_few(server: Server) -> None:
    """Register visits over HTTP, because another version may have other tables."""
    for number in range(FEW):
        visit = {"visitorId": f"visitor_{number}_few", "visitId": f"few-{number}"}
        server.post("/api/visitor/register", visit)


def read(subject: Subject, question: Question, server: Server, testbed: Testbed, seconds: int) -> load.Figures:
    etag = server.ask("GET", question.path)[2]["ETag"] if question.is_conditional else None
    begin = partial(load.get, server.port, question.path, CONNECTIONS, core=testbed.load_core, etag=etag)
    begin(WARM_UP_S)
    figures = testbed.measure(subject.server, server, partial(begin, seconds))
    parameters = 304 if question.is_conditional else 200
    status, _, _ = server.ask("GET", question.path, headers={"If-None-Match": etag} if etag else {})
    if status != parameters:
        raise click.ClickException(f"{subject.name}, {question}: the status was {status}")
    return figures


def say_readings(report: Report, readings: Readings) -> None:
    for question in dict.fromkeys(question for _, question in readings):
        flask = readings.get((contenders.FLASK.name, question))
        report.say(f"{question}")
        rows = [load.row(name, figures, flask) for (name, asked), figures in readings.items() if asked == question]
        report.table(load.HEAD, rows)


def targets(readings: Readings, visits: int, on_postgres: bool, before: Version | None) -> list[Target]:
    def rate(name: str, other: str, **bounds: float) -> Target:
        measured = ratio(readings[name, Question(STATS)], readings[other, Question(STATS)], itemgetter("rate"))
        return Target(f"{name} / {other}", measured, **bounds)

    def cpu(path: str, other: str, most: float) -> Target:
        measured = ratio(readings[OURS, Question(path)], readings[other, Question(path)], itemgetter("cpu_us"))
        return Target(f"{Question(path)}: CPU, {OURS} / {other}", measured, most=most)

    parameters = []
    for where in (SQLITE, POSTGRES) if on_postgres else (SQLITE,):
        few, many = name_of(where, FEW), name_of(where, visits)
        parameters += [rate(runs, contenders.FLASK.name, least=0.9) for runs in (few, many)]
        parameters.append(rate(many, few, least=0.9, most=1.1))
    parameters += [cpu(STATS, contenders.NODE.name, 1.5), cpu(ALIVE, contenders.NODE.name, 1.0)]
    badge = ratio(readings[OURS, Question(BADGE)], readings[OURS, Question(STATS)], itemgetter("rate"))
    parameters.append(Target(f"{Question(BADGE)} / {Question(STATS)}", badge, least=0.9))
    older = contenders.of_version(before)[0].name if before else None
    return parameters + [cpu(question.path, older, NO_WORSE) for question in EVERYTHING if older]


if __name__ == "__main__":
    machine.run(main)
