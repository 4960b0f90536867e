"""Exports of visits: everything that the filter matches, in pieces, without content that a spreadsheet would
execute.
"""

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st
from support.application.site import SPEC_MOMENT, Site
from support.runs.fuzz_effort import effort
from support.sites.visit_list import DAYS, DHAKA, Log

from koyjabo.base.core import spreadsheet
from koyjabo.columns.dimensions.trait_parser import TraitParser
from koyjabo.people.audit.audit import Audit
from koyjabo.reports.visits import export_lines
from koyjabo.reports.visits.queries import LoggedVisit
from koyjabo.reports.visits.visit_list import VisitFilter


@pytest.fixture(scope="module")
def log(module_database):
    with Site(module_database.url, STARTING_TOTAL=4000) as site:
        yield Log(site)


def test_an_export_follows_the_filter_and_is_audited_without_the_searched_text(log):
    """The line is written before the first piece. Searches are usually visitor ids, which an erasure would miss."""
    log.site.rows("DELETE FROM audit_log")
    log.visits.export(log.admin, VisitFilter())
    text = log.export(first_day=DAYS[1], last_day=DAYS[1], place=DHAKA)
    assert [row["visitor_id"] for row in csv.DictReader(io.StringIO(text))] == ["v0", "v3", "v6", "v9"]
    assert log.export(text="v3").count("v3") == 3
    log.visits.extract(VisitFilter(text="v3"))
    lines = log.site.services[Audit].page(log.admin).lines
    assert {(line.action, line.actor_id) for line in lines[1:]} == {("visits.export", log.ayesha.id)}
    filters = {"first_day": DAYS[1], "last_day": DAYS[1], "place": DHAKA}
    details = [{}, filters, *[{"text": True}] * 2]
    assert [line.details for line in reversed(lines)] == details


def test_an_export_has_the_opening_time_of_a_visit_that_was_counted_later():
    visit = LoggedVisit(1, 1, SPEC_MOMENT, "v", "x", DHAKA, None, None, None, False, None, None, None, None)
    waited = {3_600_000: "2025-12-16T03:48:38.412Z", 60_000: None, 0: None, None: None}
    late = [visit._replace(waited_ms=wait_ms, client_ms=5) for wait_ms in waited]
    rows = list(csv.DictReader(io.StringIO(export_lines.export_lines(late, PARSER)), export_lines.EXPORT_COLUMNS))
    assert [row["opened"] or None for row in rows] == [*waited.values()]
    assert {row["at"] for row in rows} == {"2025-12-16T04:48:38.412Z"}


SIGNS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


def exported(name: str) -> str:
    visit = LoggedVisit(1, 1, SPEC_MOMENT, name, "x", name, name, name, name, False, None, name, None, name)
    return export_lines.export_lines([visit], PARSER)


PARSER = TraitParser()
exported("Mozilla/5.0")  # loads its data outside of the first timed example


def cells(text: str, separator: str) -> Iterator[str]:
    """Split text into cells in both ways: like programs that honour quotation marks at the start of a cell, and like
    programs that do not.
    """
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
        yield from row
    for line in text.splitlines():
        yield from (cell.strip('" ') for cell in line.split(separator))


@effort(100)
@given(st.text(st.sampled_from([*SIGNS, *"';, a\"1|:^~", "ক", "া"]), max_size=12))
def test_an_exported_text_can_be_read_back_unchanged_and_is_a_formula_for_no_separator(said):
    text = exported(said)
    (row,) = csv.reader(io.StringIO(text, newline=""))
    assert [spreadsheet.plain(cell) for cell in row].count(said) >= 7
    for separator in ",;\t|: ^~":
        assert not any(cell.startswith(SIGNS[:-3]) for cell in cells(text, separator))
