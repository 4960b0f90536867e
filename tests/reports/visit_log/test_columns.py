"""The columns of a visit are declared once, and used wherever visits are written or read."""

import pytest
from sqlalchemy import BigInteger, Text

from koyjabo.base.models import Event, Visit, Visitor
from koyjabo.base.models.ledger import LOST
from koyjabo.counting import visits
from koyjabo.counting.batch_plan import SENT, VISIT_COLUMNS, FirstVisit
from koyjabo.reports.events.records import EVENT_COLUMNS
from koyjabo.reports.visit_log import import_file, queries
from koyjabo.reports.visit_log.visit_log import COLUMNS
from koyjabo.upkeep.retention import erasure_queries

TABLE = Visit.__table__.columns


def test_columns_are_reduced_or_lost_with_their_visitor_unless_declared_as_kept():
    reduced = {column.name for column in TABLE if column.info.get("forgotten") == "reduced"}
    assert reduced == set(erasure_queries.REPLACED)
    assert [name for name in LOST if not TABLE[name].nullable] == []


def test_every_column_is_read_for_the_log_and_exported_or_part_of_another():
    assert {column.name for column in queries.ROW} | {"day", "hour_s"} == set(TABLE.keys())
    part_of_another = {"id", "scope", "at_ms", "day", "hour_s", "campaign"}
    assert set(TABLE.keys()) - part_of_another <= set(COLUMNS)


def test_every_column_that_is_sent_is_imported():
    assert set(SENT) == import_file.BY_RULES | set(import_file.PLAIN)
    numbers = [name for name, read in import_file.PLAIN.items() if read is import_file.READERS[int]]
    assert [name for name in numbers if not isinstance(TABLE[name].type, BigInteger)] == [], "an import reads 64 bits"


def test_every_text_of_any_length_that_a_client_chooses_is_charged():
    unbounded = {column.name for column in TABLE if isinstance(column.type, Text)}
    assert unbounded - {"place"} == set(visits.TEXTS)  # the server itself sets this value


WRITTEN = {Visit: VISIT_COLUMNS, Visitor: FirstVisit._fields, Event: EVENT_COLUMNS}


@pytest.mark.parametrize("model", WRITTEN)
def test_a_ledger_writes_every_column_of_its_tables(model):
    assert sorted(WRITTEN[model]) == sorted(model.__table__.columns.keys())
