"""The attended times of visits in the visit log: of open pages, of closed pages, and of pages of other workers."""

import re

import pytest
from support.application.site import Site
from support.people.admins import panel
from support.people.page_readers import Reader, words

from koyjabo.counting.evidence.attendance_writer import AttendanceWriter
from koyjabo.counting.evidence.timeline import Shown
from koyjabo.presence.visitors.visitor_sockets import VisitorSockets
from koyjabo.reports.visits.attended_times import LiveTimes

TIMES = {
    "stayed": "2 m 10 s",
    "worked": "1 h 1 m ✓",
    "driven": "3 s automated",
    "pixel": "",
    "pressed": "✓",
    "bot": "automated",
    "alone": "",
    "newcomer": "",
}
ROWS = {  # attended_ms, acted, automated, is_bot, network
    "stayed": (130_999, False, False, False, "other"),
    "worked": (3_665_000, True, False, False, "other"),
    "driven": (3_000, True, True, False, "datacentre"),
    "pixel": (None, False, False, False, None),
    "pressed": (None, True, False, False, "other"),
    "bot": (0, False, False, True, "datacentre"),
    "alone": (999, False, False, False, "datacentre"),
    "newcomer": (0, False, False, False, "other"),
}
CELL = re.compile(r'(?s)<bdi title="(\w+)">[^<]+</bdi></td>\s*<td class="evidence">(.*?)</td>')
STORE = (
    "UPDATE visits SET attended_ms = :ms, acted = :acted, automated = :automated, is_bot = :is_bot, network = :network "
    "WHERE visitor_id = :visitor"
)


class Pages:
    """A site whose pages are opened without sockets."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.attendance = site.services[AttendanceWriter]
        self.sockets = site.services[VisitorSockets]
        self.times = site.services[LiveTimes].read

    def open(self, socket: str, visitor: str, visit: str | None = None) -> None:
        self.sockets.opened(socket, self.sockets.fingerprint({}), visitor, True)
        self.attendance.open_pages.opened(socket, None, visit)

    def attended(self, seconds: int = 2) -> dict:
        self.site.time.pass_(seconds=seconds)
        return dict(self.times())


@pytest.fixture
def pages(database):
    with Site(database.url) as site:
        site.time.go_to("2025-12-16T10:30:30+06:00")
        yield Pages(site)


def test_the_attended_time_of_an_open_page_lasts_from_opening_to_closing(pages):
    site = pages.site
    site.register("ayesha", visitId="1")
    assert pages.attended() == {"1": (0, None, "")}
    pages.open("tab", "ayesha")
    began_ms = site.time.ms
    assert pages.attended() == {"1": (0, began_ms, "")}
    assert pages.attended(60) == {"1": (0, began_ms, "")}
    pages.attendance.open_pages.show("tab", False, True)
    assert pages.attended() == {"1": (62_000, None, "acted")}  # not written yet
    pages.attendance.tick()
    assert pages.attended() == {"1": (62_000, None, "acted")}
    pages.attendance.open_pages.show("tab", True)
    pages.attended()
    site.time.pass_(seconds=300)
    pages.attendance.tick()  # writes the time of an open page so far
    (time,) = pages.attended().values()
    assert time[0] + site.time.ms - time[1] == 62_000 + 304_000


def test_the_time_of_a_closed_tab_counts_once_while_another_tab_is_open(pages):
    site = pages.site
    site.register("ayesha", visitId="1")
    began_ms = site.time.ms
    for tab in ("first", "second"):
        pages.open(tab, "ayesha", "1")
    site.time.pass_(seconds=10)
    pages.attendance.open_pages.show("second", False)
    pages.attendance.tick()
    assert pages.attended() == {"1": (0, began_ms, "")}


def test_a_span_counts_once_after_another_worker_has_written_it(pages):
    """The other worker is killed afterwards, and sends no further answer."""
    site, began_ms = pages.site, pages.site.time.ms
    site.register("ayesha", visitId="1")
    unwritten = pages.attendance.unwritten
    running = Shown("ayesha", "1", began_ms, began_ms + 2_000)
    unwritten.receive("spans", [unwritten._worker, "another", [], [running]])
    assert pages.attended() == {"1": (0, began_ms, "")}
    pages.attendance.add(running._replace(ended_ms=began_ms + 3_000))
    pages.attendance.tick()
    pages.attended()
    assert pages.attended() == {"1": (3_000, None, "")}


@pytest.fixture(scope="module")
def admin(site: Site) -> Reader:
    for visitor, (ms, acted, automated, is_bot, network) in ROWS.items():
        site.time.pass_(minutes=5)
        site.register(visitor, page="/")
        row = {"acted": acted, "automated": automated, "is_bot": is_bot, "network": network}
        site.rows(STORE, visitor=visitor, ms=ms, **row)
    site.rows("UPDATE visits SET own = true WHERE visitor_id = 'worked'")
    return panel(site)


def listed(page: str) -> dict[str, str]:
    return {visitor: words(cell) for visitor, cell in CELL.findall(page)}


def test_the_visit_log_shows_the_attended_time_and_a_mark_for_acts_and_automation(admin):
    assert listed(admin.get("/admin/visits")) == TIMES
