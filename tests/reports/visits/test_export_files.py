"""Export files: an interrupted export is resumed, and the result is the same as without interruption."""

import io
import os
from pathlib import Path

import pytest
from support.application.site import Site
from support.runs.short_run import EVERYTHING
from support.sites.full_site import fill, quiet

from koyjabo.base.core.errors import InvalidInput, Unusable
from koyjabo.reports.visits import export_file, visit_list
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


def test_an_export_to_a_file_equals_one_to_a_pipe_and_only_its_owner_can_read_it(site, file):
    pipe = io.BytesIO()
    export_file.stream(site.services[VisitList], pipe, VisitFilter(), quiet)
    assert export(site, file) == pipe.getvalue()
    assert os.stat(file).st_mode & 0o777 == 0o600


def test_an_export_that_was_cut_off_at_any_byte_can_be_resumed(site, file):
    """An export may be cut at any byte, even within a character, a quotation or a line break in a visitor's text."""
    whole = export(site, file)
    end = whole.index(b"\n", len(whole) // 8)
    for cut in [*range(0, end, STEP), len(whole) - 1, len(whole)]:
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


def test_an_export_does_not_touch_a_file_that_is_not_an_export(site, file):
    file.write_text("one\ntwo\n")
    for resume, why in ((False, "--resume"), (True, "is not a CSV export of visits")):
        with pytest.raises(Unusable, match=why):
            export(site, file, resume)
    assert file.read_text() == "one\ntwo\n"


def test_an_export_of_another_database_is_not_resumed(site, file, sqlite_database):
    with Site(sqlite_database.url) as other:
        other.register("somebody", visitId="else")
        before = export(other, file)
    with pytest.raises(InvalidInput, match="not in this database"):
        export(site, file, resume=True)
    assert file.read_bytes() == before
