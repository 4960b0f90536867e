"""SQL statements built from the columns of a table."""

from __future__ import annotations

import pytest

from koyjabo.base.database.json_rows import adding, postgres_insert, sqlite_insert
from koyjabo.base.models import DailyVisits, Event, Visit, Visitor
from koyjabo.counting.batch_plan import VISIT_COLUMNS, FirstVisit
from koyjabo.reports.events.records import EVENT_COLUMNS

WRITTEN = {Visit: VISIT_COLUMNS, Visitor: FirstVisit._fields, Event: EVENT_COLUMNS}


@pytest.mark.parametrize("model", WRITTEN)
def test_a_ledger_writes_every_column_of_its_tables(model):
    assert sorted(WRITTEN[model]) == sorted(model.__table__.columns.keys())


def test_values_are_read_with_the_types_of_their_columns():
    into = "INSERT INTO visits (id, place, is_bot) SELECT"
    columns = ("id", "place", "is_bot")
    assert sqlite_insert(Visit, columns) == f"{into} value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)"
    values = "(r->>0)::bigint, r->>1, (r->>2)::boolean"
    assert postgres_insert(Visit, columns) == f"{into} {values} FROM jsonb_array_elements(%s) r ;\n"


def test_sums_of_an_existing_key_grow():
    grown = "visits = daily_visits.visits + excluded.visits"
    new = "new_visitors = daily_visits.new_visitors + excluded.new_visitors"
    assert adding(DailyVisits) == f"ON CONFLICT (scope, day) DO UPDATE SET {grown}, {new}"
