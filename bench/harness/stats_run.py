"""Routes that are read: each server in turn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import click

from harness import contenders as who
from harness import ledgers, load
from harness.contenders import Contender
from harness.databases import Database, SqliteFile
from harness.processes import Server
from harness.runs import WARM_UP_S, Figures, Place, measure
from harness.tables import progress
from harness.versions import Version

CONNECTIONS = 64
FEW = 10
STATS, ALIVE, BADGE = "/api/stats", "/healthz", "/badge.svg?value=total"
FLASK = ("/openapi.json", "/")
REGISTER = "/api/visitor/register"


@dataclass(frozen=True)
class Question:
    path: str
    is_conditional: bool = False  # with If-None-Match, answered with 304

    def __str__(self) -> str:
        return f"GET {self.path}" + (", 304" if self.is_conditional else "")


CONSTANT = (Question(STATS), Question(ALIVE))
EVERYTHING = (*CONSTANT, *map(Question, FLASK))
OURS = (*CONSTANT, Question(BADGE), *EVERYTHING[len(CONSTANT) :])
MANY_VISITS = (Question(STATS), Question(STATS, is_conditional=True))


@dataclass(frozen=True)
class Subject:
    """A server on a database, and what it is asked."""

    name: str
    server: Contender
    database: Database
    questions: tuple[Question, ...]


Readings = Mapping[tuple[str, Question], list[Figures]]
"""Of each round, by the name of the subject."""


def name_of(where: str, visits: int) -> str:
    return f"this server, {where}, {visits:,} visits"


def subjects(visits: int, place: Place, before: Version | None) -> list[Subject]:
    few, many = (ledgers.on_sqlite(count) for count in (FEW, visits))
    ceilings = (who.CEILING, who.NODE_CONSTANT)
    found = [Subject(each.name, each, few, CONSTANT) for each in ceilings]
    found.append(Subject(name_of("SQLite", FEW), who.ON_SQLITE, few, OURS))
    found.append(Subject(name_of("SQLite", visits), who.ON_SQLITE, many, MANY_VISITS))
    if before:
        server, _ = who.of_version(before)
        found.append(Subject(server.name, server, SqliteFile(place.folder / "before.db"), EVERYTHING))
    if place.postgres:
        for count, questions in ((FEW, CONSTANT[:1]), (visits, MANY_VISITS)):
            database = ledgers.on_postgres(count, place.postgres)
            found.append(Subject(name_of("PostgreSQL", count), who.ON_POSTGRES, database, questions))
    return found


def in_turn(subjects: list[Subject], place: Place, rounds: int, seconds: int) -> Readings:
    found: dict[tuple[str, Question], list[Figures]] = {}
    for step in range(rounds * len(subjects)):
        subject = subjects[step % len(subjects)]
        progress(step + 1, rounds * len(subjects), subject.name)
        with place.serving(subject.server, subject.database) as server:
            if subject.server.migrates:
                _register_few(server)
            for question in subject.questions:
                figures = _read(subject, question, server, place, seconds)
                found.setdefault((subject.name, question), []).append(figures)
    return found


def _register_few(server: Server) -> None:
    """Through HTTP: the tables of another version may not be ours."""
    for number in range(FEW):
        body = json.dumps({"visitorId": f"visitor_{number}_few", "visitId": f"few-{number}"})
        server.ask("POST", REGISTER, body, {"Content-Type": "application/json"})


def _read(subject: Subject, question: Question, server: Server, place: Place, seconds: int) -> Figures:
    etag = server.ask("GET", question.path)[2]["ETag"] if question.is_conditional else None
    port, core = server.port, place.load_core

    def begin(lasting: int) -> load.Client:
        return load.get(port, question.path, CONNECTIONS, lasting, core, etag)

    begin(WARM_UP_S).result()
    figures, _ = measure(subject.server, server, place, partial(begin, seconds))
    wanted = 304 if question.is_conditional else 200
    status, _, _ = server.ask("GET", question.path, headers={"If-None-Match": etag} if etag else {})
    if status != wanted:
        raise click.ClickException(f"{subject.name}, {question}: the status was {status}")
    return figures
