"""Exports of visits: all that the filter lets through, in pieces, with nothing in them that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json

import pytest
from support.app_fixtures import SPEC_MOMENT, Site
from support.visit_log_world import DAYS, DHAKA, Log

from koyjabo.visit_log import file_format, visit_log
from koyjabo.visit_log.visit_log import Filter, LoggedVisit

pytestmark = pytest.mark.both_kinds


@pytest.fixture(scope="module")
def log(module_database):
    with Site(module_database.url, STARTING_TOTAL=4000) as site:
        yield Log(site)


@pytest.mark.parametrize("kind", file_format.MIMETYPES)
def test_export_has_every_visit_oldest_first(log, kind, monkeypatch):
    monkeypatch.setattr(visit_log, "PIECE", 5)
    text = log.export(kind)
    rows = (
        list(csv.DictReader(io.StringIO(text))) if kind == "csv" else [json.loads(line) for line in text.splitlines()]
    )
    assert [int(row["ordinal"]) for row in rows] == list(range(4001, 4025))
    assert list(rows[0]) == list(file_format.COLUMNS)
    assert (rows[1]["at"], rows[1]["place"], rows[1]["community"]) == ("2025-12-13T21:00:00.000Z", DHAKA, "Hikers")
    assert rows[1]["user_agent"] == ("'" if kind == "csv" else "") + "=cmd|'/c calc'!A0"


def test_export_goes_by_the_filter_and_leaves_a_line(log):
    log.site.rows("DELETE FROM audit_log")
    text = log.export("csv", first_day=DAYS[1], last_day=DAYS[1], place=DHAKA)
    assert [row["visitor_id"] for row in csv.DictReader(io.StringIO(text))] == ["v0", "v3", "v6", "v9"]
    (line,) = log.site.services.audit.page(log.admin).lines
    assert (line.action, line.actor_id) == ("visits.export", log.ayesha.id)
    assert line.details == {"kind": "csv", "first_day": DAYS[1], "last_day": DAYS[1], "place": DHAKA}


def test_line_of_an_export_says_of_what_was_looked_for_only_that_there_was_something(log):
    """It is a whole visitorId, mostly, and would still be there when that visitor was forgotten."""
    log.site.rows("DELETE FROM audit_log")
    assert log.export("csv", text="v3").count("v3") == 3
    log.log.extract(Filter(text="v3"), "csv")
    lines = log.site.services.audit.page(log.admin).lines
    assert [line.details for line in lines] == [{"kind": "csv", "text": True}] * 2
    assert "v3" not in str(log.site.rows("SELECT * FROM audit_log"))


def test_line_of_an_export_is_there_before_the_first_piece(log):
    log.site.rows("DELETE FROM audit_log")
    log.log.export(log.admin, Filter(), "jsonl")
    assert log.site.rows("SELECT action FROM audit_log") == [("visits.export",)]


@pytest.mark.parametrize("said", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＠SUM(A1)"])
def test_spreadsheet_carries_nothing_out(said):
    visit = LoggedVisit(1, 1, SPEC_MOMENT, said, "x", said, said, said, said, False, None, said, None, said)
    (row,) = csv.reader(io.StringIO(file_format.text("csv", [visit]), newline=""))
    assert row.count(f"'{said}") == 7
    assert not any(value.startswith(file_format.FORMULA) for value in row)
