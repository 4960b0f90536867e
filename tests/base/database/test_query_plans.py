"""The cost of a visit and of reading the stats does not depend on the number of stored visits."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from typing import Any

import psycopg2.extensions
import pytest
from support.application.site import Site
from support.application.statements import plan_of, recorded
from support.databases.database import Database, SqliteDatabase

from koyjabo.base.core.identity import Account
from koyjabo.base.database import postgres as database_postgres, sqlite
from koyjabo.base.models import Scope
from koyjabo.columns.columns import Columns
from koyjabo.counting import ledger_sqlite, writer_sqlite
from koyjabo.counting.ledger_postgres import STATEMENTS
from koyjabo.counting.prepared_postgres import PLAN_ONCE
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.visits.visit_list import VisitFilter, VisitList
from koyjabo.upkeep.old_row_queries import Stretch
from koyjabo.upkeep.retention import reduction_queries
from koyjabo.upkeep.retention.reduction_queries import Boundary

HERE = "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11"
MANY = 4_000
DAY = "CAST(1000 + n % 1000 AS TEXT) || '-0' || CAST(1 + n / 1000 AS TEXT) || '-01'"
"""A day in the past for each number."""

FILL = {
    "visits (id, ordinal, scope, visitor_id, visit_id, at_ms, day, hour_s, place)": (
        "SELECT n, n, 'site', 'v' || n, 'x', 1, '2025-12-16', 1, 'Unknown'"
    ),
    "visitors (scope, visitor_id, first_visit)": "SELECT 'site', 'v' || n, n",
    "daily_visits": f"SELECT 'site', {DAY}, 1, 1",
    "hourly_visits": "SELECT 'site', n, 1, 1",
    # negative ids cannot collide
    "people (id, scope, person, last_day)": f"SELECT -n, '{HERE}', 'v:v' || n, '2025-12-16'",
    "person_days (person_id, day, began_s, slots)": "SELECT -n, '2025-12-16', 1, 1",
    "returns": f"SELECT '{HERE}', 'd' || n, '', 1, 1",
    "hourly_people": f"SELECT '{HERE}', n, 1, 1",
}
NUMBERS = {
    "sqlite": f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT {MANY})",
    "postgres": f"WITH numbers AS (SELECT generate_series(1, {MANY}) AS n)",
}

PEOPLE = ("people", "person_days", "returns", "hourly_people")
BIG = ("visits", "visitors", "daily_visits", "hourly_visits", *PEOPLE)
USER = "e2a61b9c-7d3f-4b2a-8a55-0c9f6f0d1b22"
ADMIN = Account(USER, "boss@example.com", "Boss", True)
MAX_STATEMENTS = 14


@pytest.fixture(scope="module")
def filled(postgres, tmp_path_factory):
    """`filled(kind)` is the URL of a new database of that kind, with many rows in each table."""
    folder = tmp_path_factory.mktemp("filled")

    @cache
    def fill_one(kind: str) -> Database:
        database = SqliteDatabase.migrated(folder / "filled.db") if kind == "sqlite" else postgres.new_database()
        with Site(database.url) as site:
            site.add_community(HERE)
            for table, values in FILL.items():
                site.rows(f"INSERT INTO {table} {NUMBERS[kind]} {values} FROM numbers")
            site.rows(f"UPDATE counters SET visits = {MANY}, total = {MANY}, unique_visitors = {MANY}")
            site.rows("ANALYZE")
        return database

    return lambda kind: fill_one(kind).copy().url


def work(site: Site) -> None:
    """Register a new visitor, a known one, a retry, and visits in a community; send heartbeats; read the stats."""
    for visitor, visit, user in (("v7", "1", None), ("v8", "1", USER), ("v9", "1", USER), ("v7", "1", None)):
        visit_community(site, visitor, visit, user)
    site.register("new", visitId="1")
    site.register("v7")
    site.register("new", visitId="1")
    site.time.pass_(days=1)
    site.heartbeat("v9")
    site.heartbeat("new")
    site.stats()


def visit_community(site: Site, visitor: str, visit: str, user: str | None = None) -> None:
    site.services[Visits].register(NewVisit(visitor, visit, Scope(HERE), at_ms=site.time(), user_id=user))


@contextmanager
def recorded_on_sqlite(monkeypatch) -> Iterator[list[str]]:
    """Record statements on the ledger's own connections, with their parameters."""
    statements: list[str] = []
    connect = ledger_sqlite.connect

    def tracing(*arguments: Any, **options: Any):
        connection = connect(*arguments, **options)
        connection.set_trace_callback(statements.append)
        return connection

    with monkeypatch.context() as patch:
        for module in (ledger_sqlite, writer_sqlite, sqlite):
            patch.setattr(module, "connect", tracing)
        yield statements


def test_on_sqlite_a_visit_takes_few_statements_and_reads_no_whole_table(filled, monkeypatch):
    with Site(filled("sqlite")) as site, recorded_on_sqlite(monkeypatch) as statements:
        site.stats()
        statements.clear()
        site.register()
        site.stats()
        assert 0 < len([s for s in statements if "PRAGMA" not in s and not s.startswith("--")]) <= MAX_STATEMENTS
        assert not [(statement, table) for statement in statements for table in PEOPLE if table in statement]
        statements.clear()
        work(site)
        done = [s for s in statements if s.lstrip().startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"))]
        assert len(done) >= 10  # otherwise nothing was recorded
        for statement in done:
            for *_, step in site.rows(f"EXPLAIN QUERY PLAN {statement.replace(':', chr(92) + ':')}"):
                assert not (step.startswith("SCAN") and step.split()[1] in (*BIG, *"vwdpxr", "counters")), statement


WANTED = {
    "anything": VisitFilter(),
    "a day": VisitFilter("2025-12-16", "2025-12-16"),
    "a place": VisitFilter(place="Nowhere"),
    "a community": VisitFilter(community_id=HERE),
    "a visitor": VisitFilter(text="v7"),
    "a number": VisitFilter(text="7"),
    "what is not there": VisitFilter(text="nobody"),
}


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_slice_of_the_list_of_visits_is_found_without_reading_the_whole_table(filled, kind):
    with Site(filled(kind)) as site, recorded() as asked:
        for what, which in WANTED.items():
            asked.clear()
            for newest_first in (True, False):
                site.services[VisitList].slice(ADMIN, which, before=MANY // 2, newest_first=newest_first)
            looked = [query for query in asked if "FROM visits" in query[0]]
            plans = [plan_of(site, kind, *query) for query in looked]
            assert len(plans) >= 3, what
            assert not [plan for plan in plans if "Seq Scan on visits" in plan or "SCAN visits" in plan], what
            is_sorted = [plan for plan in plans if "Sort" in plan or "TEMP B-TREE" in plan]
            assert not is_sorted or what == "a visitor", (what, is_sorted)
            assert "ix_visits_community" in plans[-1] or what != "a community"


SEARCHED = ("visits", "visitors", "people", "person_days")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_reduction_of_old_visits_reads_no_table_as_a_whole(filled, kind):
    with Site(filled(kind)) as site:
        visit_community(site, "v7", "1")
        database, boundary = site.services[Insights]._database, Boundary("2026-01-01", site.time.ms)
        with recorded() as asked:
            stretch = Stretch(MANY - 10, MANY + 1)
            reduced = database.write(
                reduction_queries.reduce_visits, site.services[Columns], boundary, stretch, size=20
            )
        assert reduced.rows == 11
        done = [query for query in asked if query[0].split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE")]
        plans = [plan_of(site, kind, *query) for query in done]
        assert len(plans) >= 15
        for (statement, _), plan in zip(done, plans, strict=True):
            whole = re.findall(r"(?:Seq Scan on|SCAN) (\w+)", plan)
            aliases = dict(re.findall(r"(\w+) (?:AS )?([vwcp])\b", statement))
            assert not {table for table in SEARCHED if {table, aliases.get(table)} & {*whole}}, (statement, plan)


@contextmanager
def recorded_on_postgres(monkeypatch) -> Iterator[list[str]]:
    """Record one entry per message to the server, except for the query for its identity every second."""
    messages: list[str] = []

    class Recording(psycopg2.extensions.cursor):
        def execute(self, query, parameters=None):
            if query != database_postgres.SELECT_POSITION:
                messages.append(self.mogrify(query, parameters).decode())
            return super().execute(query, parameters)

    connect = database_postgres.connect

    def recording(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.cursor_factory = Recording
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(database_postgres, "connect", recording)
        yield messages


def test_on_postgresql_a_visit_takes_one_or_two_round_trips_and_reads_no_whole_table(filled, monkeypatch):
    url = filled("postgres")
    with recorded_on_postgres(monkeypatch) as messages, Site(url) as site:
        site.register("first")  # a new connection does not know yet what other workers have acknowledged
        for visitor, visit, expected in (("new", "1", 1), ("v7", "1", 1), ("new", "1", 1 + 2), ("v8", "1", 1)):
            messages.clear()
            site.register(visitor, visitId=visit)
            assert len(messages) == expected  # a retry is looked up after the attempt without it
        for visitor in ("new", "v7"):
            messages.clear()
            visit_community(site, f"{visitor} here", "1", USER)
            assert len(messages) == 2
        messages.clear()
        site.stats()
        assert len(messages) == 1
        messages.clear()
        work(site)
        parts = [part.strip() for message in messages for part in message.split(";\n")]
        statements = [part for part in parts if part.startswith("EXECUTE")]
        assert len(statements) >= 20
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(PLAN_ONCE + STATEMENTS.prepare)
        for statement in statements:
            cursor.execute(f"EXPLAIN {statement}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert not {*re.findall(r"Seq Scan on (\w+)", plan)}.intersection(BIG), statement
