"""Evidence in the panel without scripts: figures and switches."""

import re
from html import unescape

import pytest
from support.application.site import Site
from support.people.admins import panel
from support.people.page_readers import words

from koyjabo.counting.evidence.attendance_writer import AttendanceWriter
from koyjabo.counting.evidence.timeline import Shown

SWITCH = re.compile(r'<a data-key="switch \d" href="([^"]*)"( aria-current="true")?>([^<]*)<')


def attend(site: Site, visitor: str, seconds: int) -> None:
    """Show the page of a new visit for `seconds`."""
    site.register(visitor, visitId="1", page="/")
    began_ms = site.time.ms
    site.time.pass_(seconds=seconds)
    attendance = site.services[AttendanceWriter]
    attendance.add(Shown(visitor, "1", began_ms, site.time.ms))
    attendance.tick()


@pytest.fixture(scope="module")
def admin(site):
    """The admin of a site with visits on two days: first one from a pixel, which is not measured, then five that were
    measured.
    """
    site.time.go_to("2025-12-10T10:00:00+06:00")
    site.register("pixel", visitId="1", page="/", waitedMs=61_000)
    site.time.go_to("2025-12-16T10:00:00+06:00")
    for visitor, seconds in {"short": 0, "glance": 3, "read": 130, "study": 400, "work": 400}.items():
        attend(site, visitor, seconds)
    site.rows("UPDATE visits SET own = true WHERE visitor_id = 'work'")
    return panel(site)


def switches(page: str) -> dict[str, tuple[str, bool]]:
    return {label: (unescape(url), bool(is_on)) for url, is_on, label in SWITCH.findall(page)}


def test_median_time_is_in_the_menu_of_the_chart(admin):
    page = words(admin.get("/admin/?range=today"))
    assert "Attended 4 80.0% of measured visits" in page
    assert "Median time 2 m 10 s" in page
    assert "Attended 4 80.0% of measured visits" in words(admin.get("/admin/?range=all"))


def test_days_without_a_measured_visit_say_so_and_not_that_nobody_was_there(admin):
    page = admin.get("/admin/?start=2025-12-10&end=2025-12-10")
    assert words(page).count("Nothing was measured in this range") == 2  # a figure and the menu


def test_switches_are_remembered_and_other_links_are_not(admin):
    page = admin.get("/admin/?range=today")
    assert [is_on for _, is_on in switches(page).values()] == [False, False]
    admin.get("/admin/?attended=!none&own=others")
    assert [is_on for _, is_on in switches(admin.get("/admin/")).values()] == [False, False]
    admin.get(switches(page)["Attended only"][0])
    page = admin.get("/admin/?range=today")
    assert 'data-stat="visits" data-value="4"' in page
    both = admin.get(switches(page)["Without own visits"][0])
    assert 'data-stat="visits" data-value="3"' in both
    assert 'data-stat="visits" data-value="3"' in admin.get("/admin/?range=today")
    assert 'data-value="5"' in admin.get("/admin/?range=today&compare=none")  # as another reader would open it
    for label in ("Attended only", "Without own visits"):
        page = admin.get(switches(admin.get("/admin/"))[label][0])
    assert [is_on for _, is_on in switches(admin.get("/admin/")).values()] == [False, False]
