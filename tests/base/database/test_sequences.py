"""Sequences that are behind their tables, as logical replication leaves them, and the rights of a role."""

import re
import uuid

import pytest
from support.application.site import Site
from support.databases.database import PostgresDatabase

from koyjabo.base.core.errors import LedgerUnavailable, UnusableDatabase
from koyjabo.base.database import sequences_postgres
from koyjabo.base.models import Scope
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits
from koyjabo.upkeep.health.database_advice import DatabaseAdvice

pytestmark = pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)

NUMBERED = ("adjustments", "audit_log", "events", "people")
SET_BACK = "SELECT setval(pg_get_serial_sequence('{}', 'id'), 1, false)"


def write(site: Site, visit: str) -> None:
    """Add a row to each table of NUMBERED."""
    event = {"visitorId": "ayesha", "events": [{"id": visit, "name": "search"}]}
    assert site.post("/api/events", json=event).status_code == 200
    site.services[Visits].register(NewVisit(visit, visit, Scope("c"), at_ms=site.time.ms))
    site.set_total(site.stats()["totalVisits"] + 10)


def numbers(database: PostgresDatabase) -> dict[str, int]:
    return {table: database.rows(f"SELECT max(id) FROM {table}")[0][0] for table in NUMBERED}


def set_back(database: PostgresDatabase) -> None:
    for table in NUMBERED:
        database.rows(SET_BACK.format(table))


@pytest.fixture
def site(database):
    with Site(database.url) as site:
        site.add_community("c")
        site.register("ayesha")
        write(site, "1")
        yield site


def test_sequences_that_are_behind_their_tables_are_raised_at_a_start(site, database, caplog):
    before = numbers(database)
    set_back(database)
    site.restart()
    assert "sequences_raised tables=adjustments,audit_log,events,people" in caplog.text
    assert all(database.rows(f"SELECT nextval('{table}_id_seq')")[0][0] > before[table] for table in NUMBERED)


def test_a_sequence_that_falls_behind_while_serving_refuses_nothing(site, database):
    write(site, "2")
    before = numbers(database)
    for table in NUMBERED:
        database.rows(SET_BACK.format(table))
        write(site, f"after-{table}")
    assert {table for table, number in numbers(database).items() if number > before[table]} == {*NUMBERED}
    assert site.recount() == []


def with_role(database: PostgresDatabase, *grants: str) -> str:
    """The URL of the database for a new role with these rights on its schema."""
    role = f"role_{uuid.uuid4().hex}"
    database.rows(f"CREATE ROLE {role} LOGIN")
    for grant in grants:
        database.rows(f"GRANT {grant} IN SCHEMA public TO {role}")
    return database.url.replace("postgres@", f"{role}@", 1)


TABLES = "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES"


def test_a_role_that_may_not_use_sequences_is_refused_with_the_grants_it_needs(site, database):
    with pytest.raises(UnusableDatabase, match=r"lacks USAGE on \d sequences.*GRANT USAGE, SELECT, UPDATE ON ALL SEQ"):
        Site(with_role(database, TABLES))


def test_a_table_that_row_security_hides_ends_the_start_unless_there_is_a_policy(site, database):
    url = with_role(database, TABLES, "USAGE ON ALL SEQUENCES")
    database.rows("ALTER TABLE users ENABLE ROW LEVEL SECURITY")
    with pytest.raises(
        UnusableDatabase, match=r"on users\. As the .* run ALTER TABLE users DISABLE ROW LEVEL SECURITY"
    ):
        Site(url)
    database.rows("CREATE POLICY all_rows ON users USING (true)")
    with Site(url) as limited:
        assert limited.register("ayesha").ordinal


def test_a_role_that_may_not_set_a_sequence_skips_the_numbers_in_use(site, database, monkeypatch):
    url = with_role(database, TABLES, "USAGE ON ALL SEQUENCES")
    write(site, "2")
    set_back(database)
    with Site(url) as limited:
        write(limited, "3")
    monkeypatch.setattr(sequences_postgres, "RAISED_NUMBER", sequences_postgres.RAISED_NUMBER.replace("10000", "1"))
    set_back(database)
    with pytest.raises(UnusableDatabase, match=r"As their owner, run SELECT setval\('adjustments_id_seq', \d+\)"):
        Site(url)


@pytest.mark.parametrize("right", ["INSERT ON audit_log, events", "USAGE ON SCHEMA public"])
def test_a_right_that_a_role_lost_while_serving_is_an_outage_that_names_the_grant(site, database, right, caplog):
    url = with_role(database, TABLES, "USAGE, UPDATE ON ALL SEQUENCES")
    role = url.split("//")[1].split("@")[0]
    database.rows("REVOKE USAGE ON SCHEMA public FROM PUBLIC")
    database.rows(f"GRANT USAGE ON SCHEMA public TO {role}")
    event = {"json": {"visitorId": "ayesha", "events": [{"id": "9", "name": "search"}]}}
    with Site(url) as limited:
        database.rows(f"REVOKE {right} FROM {role}")
        with pytest.raises(LedgerUnavailable):
            limited.set_total(9000)
        assert limited.post("/api/events", **event).status_code == 503
        for _ in range(2):
            limited.services[DatabaseAdvice].refresh()
        (warning,) = limited.client.get("/readyz").json["warnings"]
        assert re.search(
            f"run GRANT {right.split()[0] if 'SCHEMA' in right else 'SELECT, INSERT'}.* TO {role}", warning
        )
        assert caplog.text.count(warning) == 1
        with pytest.raises(UnusableDatabase, match="As the owner of the tables, run GRANT "):
            Site(url)
        database.rows(f"GRANT {right} TO {role}")
        limited.services[DatabaseAdvice].refresh()
        assert "warnings" not in limited.client.get("/readyz").json
        assert limited.post("/api/events", **event).status_code == 200
