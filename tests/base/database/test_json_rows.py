"""SQL statements built from the columns of a table."""

from __future__ import annotations

import pytest

from koyjabo.base.models import Event, Visit, Visitor
from koyjabo.counting.batch_plan import VISIT_COLUMNS, FirstVisit
from koyjabo.reports.events.records import EVENT_COLUMNS

WRITTEN = {Visit: VISIT_COLUMNS, Visitor: FirstVisit._fields, Event: EVENT_COLUMNS}


@pytest.mark.parametrize("model", WRITTEN)
def test_a_ledger_writes_every_column_of_its_tables(model):
    assert sorted(WRITTEN[model]) == sorted(model.__table__.columns.keys())
