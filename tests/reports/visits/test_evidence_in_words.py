"""Evidence of a person at a visit: how the log describes it, and its filters."""

import re

import pytest
from support.application.site import Site
from support.people.admins import panel
from support.people.page_readers import Reader, words

from koyjabo.counting.evidence.attendance_writer import AttendanceWriter
from koyjabo.presence.visitors.visitor_sockets import VisitorSockets

TIMES = {
    "stayed": "2 m 10 s",
    "worked": "1 h 1 m ✓",
    "driven": "3 s automated",
    "pixel": "–",
    "pressed": "– ✓",
    "bot": "0 s automated",
    "alone": "0 s",
    "newcomer": "–",
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


def test_log_shows_only_times_and_marks(admin):
    assert listed(admin.get("/admin/visits")) == TIMES
    numbers = {"pixel": 4, "alone": 7}
    assert "Time on page 1 h 1 m, acted Learn more" in words(admin.get("/admin/visits/2"))
    assert "Time on page not measured Learn more" in words(admin.get(f"/admin/visits/{numbers['pixel']}"))
    assert "Time on page nobody was there Learn more" in words(admin.get(f"/admin/visits/{numbers['alone']}"))


def test_log_counts_the_time_of_an_open_page(database):
    with Site(database.url) as site:
        site.register("ayesha", page="/", visitId="1")
        sockets = site.services[VisitorSockets]
        sockets.opened("tab", sockets.fingerprint({}), "ayesha", True)
        site.services[AttendanceWriter].open_pages.opened("tab", None, "1")
        site.time.pass_(seconds=18)
        admin = panel(site)
        assert listed(admin.get("/admin/visits")) == {"ayesha": "18 s"}
        assert "Time on page 18 s" in words(admin.get("/admin/visits/1"))


def test_log_is_filtered_like_reports(admin):
    for query, visitors in {
        "evidence=automated": {"driven", "bot"},
        "evidence=acted": {"worked", "pressed"},
        "evidence=stayed": {"stayed"},
        "evidence=none": {"alone", "newcomer"},
        "network=datacentre": {"driven", "bot", "alone"},
        "own=own": {"worked"},
        "own=others&network=datacentre&evidence=none": {"alone"},
    }.items():
        page = admin.get(f"/admin/visits?{query}")
        assert listed(page).keys() == visitors, query
    assert "Network: Data centre" in words(page)
