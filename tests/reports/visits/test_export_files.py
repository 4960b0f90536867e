"""Export files: they can be resumed after an interruption, and a spreadsheet executes none of their texts."""

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st
from support.application.site import SPEC_MOMENT, Site
from support.runs.fuzz_effort import effort
from support.runs.short_run import EVERYTHING
from support.sites.full_site import fill, quiet

from koyjabo.base.core import spreadsheet
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import InvalidInput, Unusable
from koyjabo.columns.dimensions.trait_parser import TraitParser
from koyjabo.reports.visits import export_file, export_lines, visit_list
from koyjabo.reports.visits.queries import STORED_COLUMNS, LoggedVisit
from koyjabo.reports.visits.visit_list import VisitFilter, VisitList


@pytest.fixture(scope="module")
def site(module_database):
    with Site(module_database.url) as site:
        fill(site)
        yield site


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "visits.csv"


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(visit_list, "LARGE_PIECE_SIZE", 7)


STEP = 19 if EVERYTHING else 61
"""Number of bytes from one cut to the next."""


def export(site: Site, file: Path, resume: bool = False, **which: str) -> bytes:
    export_file.write(site.services[VisitList], file, VisitFilter(**which), resume, quiet)
    return file.read_bytes()


def test_an_exported_file_begins_with_u_feff_and_is_readable_only_by_its_owner(site, file):
    pipe = io.BytesIO()
    export_file.stream(site.services[VisitList], pipe, VisitFilter(), quiet)
    assert export(site, file) == "\ufeff".encode() + pipe.getvalue()
    file.write_bytes(pipe.getvalue())
    assert export(site, file, resume=True) == pipe.getvalue(), "a file of an earlier version"
    file.unlink()
    export(site, file)
    assert os.stat(file).st_mode & 0o777 == 0o600


def test_an_export_that_was_cut_off_at_any_byte_can_be_resumed(site, file):
    """An export may be cut at any byte, even within a character, a quotation or a line break in a visitor's text."""
    whole = export(site, file)
    end = whole.index(b"\n", len(whole) // 8)
    for cut in [1, *range(0, end, STEP), len(whole) - 1, len(whole)]:
        file.write_bytes(whole[:cut])
        assert export(site, file, resume=True) == whole


def test_a_resumed_export_has_the_visits_that_came_since(file, sqlite_database):
    """This works even after a visit whose visitor id looks like a formula."""
    with Site(sqlite_database.url) as new:
        new.register("first", visitId="1")
        for visitor, visit in (("ayesha", "2"), *(("-ayesha", text) for text in ("+1", "=1", "-1")), ("last", "3")):
            before = export(new, file, resume=file.exists())
            new.register(visitor, visitId=visit)
            after = export(new, file, resume=True)
            assert after.startswith(before)
            assert after.count(b"\n") == before.count(b"\n") + 1
        file.unlink()
        assert after == export(new, file)


def test_a_resumed_export_without_a_file_starts_from_the_beginning(site, file):
    assert export(site, file, resume=True).count(b"visit-") == 41


def test_an_export_does_not_touch_a_file_that_is_not_its_own(site, file, sqlite_database):
    file.write_text("one\ntwo\n")
    for resume, why in ((False, "--resume"), (True, "is not a CSV export of visits")):
        with pytest.raises(Unusable, match=why):
            export(site, file, resume)
    assert file.read_text() == "one\ntwo\n"
    file.unlink()
    with Site(sqlite_database.url) as other:
        other.register("somebody", visitId="else")
        before = export(other, file)
    with pytest.raises(InvalidInput, match="not in this database"):
        export(site, file, resume=True)
    assert file.read_bytes() == before


def logged(**columns: Any) -> LoggedVisit:
    """A visit with these columns, and with names as its last fields."""
    stored = {**dict.fromkeys(STORED_COLUMNS), "id": 1, "ordinal": 1, "at_ms": SPEC_MOMENT, "visitor_id": "v"}
    stored |= {"visit_id": "x", "place": "Unknown", "is_bot": False, "day": "2025-12-16", "hour_s": 0, **columns}
    named = {name: stored.get(name) for name in LoggedVisit._fields if name not in LoggedVisit._field_defaults}
    return LoggedVisit(**named, columns=stored)


def test_an_export_has_the_opening_time_of_a_visit_that_was_counted_later():
    visit = logged(place="Dhaka, BD")
    waited = {3_600_000: "2025-12-16T03:48:38.412Z", 60_000: None, 0: None, None: None}
    late = [visit._replace(waited_ms=wait_ms, client_ms=5) for wait_ms in waited]
    rows = list(
        csv.DictReader(io.StringIO(export_lines.export_lines(late, PARSER, CLOCK)), export_lines.EXPORT_COLUMNS)
    )
    assert [row["opened"] or None for row in rows] == [*waited.values()]
    assert {row["at"] for row in rows} == {"2025-12-16T04:48:38.412Z"}


SIGNS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


def exported(name: str) -> str:
    visit = logged(visitor_id=name, place=name, referrer=name, user_agent=name, page=name, community=name, user=name)
    return export_lines.export_lines([visit], PARSER, CLOCK)


PARSER, CLOCK = TraitParser(), Clock(ZoneInfo("Asia/Dhaka"))
exported("Mozilla/5.0")  # loads its data outside of the first timed example


def cells(text: str, separator: str) -> Iterator[str]:
    """Split text into cells in both ways: like programs that honour quotation marks at the start of a cell, and like
    programs that do not.
    """
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
        yield from row
    for line in text.splitlines():
        yield from (cell.strip('" ') for cell in line.split(separator))


@effort(50)
@given(st.text(st.sampled_from([*SIGNS, *"';, a\"1|:^~", "ক", "া"]), max_size=12))
def test_an_exported_text_survives_a_round_trip_and_is_never_a_formula(said):
    text = exported(said)
    (row,) = csv.reader(io.StringIO(text, newline=""))
    assert [spreadsheet.plain(cell) for cell in row].count(said) >= 7
    for separator in ",;\t|: ^~":
        assert not any(cell.startswith(SIGNS[:-3]) for cell in cells(text, separator))
