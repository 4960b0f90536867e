"""Chart annotations: admins' notes, and audit log entries about figures."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from support.application.site import Site, site_fixture
from support.people.admins import panel
from support.people.page_readers import words

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.models import SITE, Scope
from koyjabo.people.audit.log import Audit, VersionLog
from koyjabo.reports.annotation_queries import UnknownAnnotation
from koyjabo.reports.services import ReportServices

TODAY, YESTERDAY = "2025-12-16", "2025-12-15"
METRO = Scope("5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a22")


shared_site = site_fixture(is_shared=True, STARTING_TOTAL=4000)


@pytest.fixture
def site(shared_site) -> Site:
    for table in ("annotations", "audit_log"):
        shared_site.rows(f"DELETE FROM {table}")
    return shared_site


def texts(site: Site, first: str, last: str, scope: Scope = SITE) -> list[tuple[str, str]]:
    annotations = site.services[ReportServices].annotations.between(scope, first, last)
    return [(annotation.day, annotation.text or annotation.action) for annotation in annotations]


def test_note_is_at_its_day_and_scope_until_it_is_removed(site):
    annotations = site.services[ReportServices].annotations
    annotations.add(OPERATOR, SITE, TODAY, "Rain")
    kept = annotations.add(OPERATOR, SITE, YESTERDAY, " The  new timetable\nbegan ")
    annotations.add(OPERATOR, METRO, TODAY, "Line 6 opened")
    assert texts(site, YESTERDAY, TODAY) == [(YESTERDAY, "The new timetable began"), (TODAY, "Rain")]
    assert texts(site, YESTERDAY, YESTERDAY) == [(YESTERDAY, "The new timetable began")]
    site.set_total(site.stats()["totalVisits"] + 7)  # its line in the audit log is an annotation of the site
    assert texts(site, YESTERDAY, TODAY)[-1] == (TODAY, "total.set")
    assert texts(site, YESTERDAY, TODAY, METRO) == [(TODAY, "Line 6 opened")]
    assert annotations.remove(OPERATOR, kept).text == "The new timetable began"
    assert texts(site, YESTERDAY, TODAY) == [(TODAY, "Rain"), (TODAY, "total.set")]
    with pytest.raises(UnknownAnnotation):
        annotations.remove(OPERATOR, kept)


def test_unusable_ones_are_refused_by_field(site):
    bad = {"text": [(TODAY, " "), (TODAY, "x" * 201)], "day": [("2025-12-17", "Rain"), ("", "Rain"), ("x", "Rain")]}
    for field, notes in bad.items():
        for day, text in notes:
            with pytest.raises(InvalidInput) as refused:
                site.services[ReportServices].annotations.add(OPERATOR, SITE, day, text)
            assert set(refused.value.details) == {field}, (day, text)
    assert texts(site, "1971-01-01", "2030-01-01") == []


def test_version_is_recorded_once_by_all_workers_and_again_when_it_changes(site):
    for version in ("1.1.0", "1.1.0", "1.2.0"):
        gate = Barrier(4)

        def start(version: str = version, gate: Barrier = gate) -> None:
            worker = VersionLog(site.services[Audit]._database, site.services.clock, version)
            gate.wait()
            worker.record()
            worker.record()

        with ThreadPoolExecutor(4) as workers:
            for call in [workers.submit(start) for _ in range(4)]:
                call.result()
    recorded = site.services[Audit].page(OPERATOR, action="server.version").lines
    assert [entry.details for entry in reversed(recorded)] == [
        {"version": "1.1.0", "before": ""},
        {"version": "1.2.0", "before": "1.1.0"},
    ]
    (annotation,) = site.services[ReportServices].annotations.between(SITE, TODAY, TODAY)
    assert annotation.details["version"] == "1.2.0"  # the first one changed nothing


def test_page_adds_and_removes_and_takes_a_removal_back(site):
    rani = panel(site)
    site.set_total(site.stats()["totalVisits"] + 1)
    rani.send("/admin/annotations", day=TODAY, text="<b>Rain</b>", next="/admin/?range=7d")
    assert rani.location == "/admin/?range=7d"
    page = rani.get("/admin/annotations?next=/admin/?range=7d")
    assert "<b>Rain" not in page
    assert "Notes" in words(page)
    assert "nnotation" not in words(page)
    assert "16 Dec 2025 <b>Rain</b> Remove" in words(page)
    assert "The total was changed from " in words(page)
    (kept,) = site.rows("SELECT id FROM annotations")[0]
    rani.send(f"/admin/annotations/{kept}/remove", next="https://elsewhere.example")
    assert rani.location == "/admin/annotations"
    page = rani.get(rani.location)
    assert "Undo" in words(page)
    assert "<b>Rain</b>" not in words(page)
    assert f'name="day" value="{TODAY}"' in page
    rani.send(f"/admin/annotations/{kept}/remove", 404)
