"""The panel's lists: searching, hidden columns and paging."""

import re
from html import unescape

import pytest
from support.application.site import site_fixture
from support.people.accounts import sign_up
from support.people.admins import ExampleCommunity, panel
from support.people.communities import found
from support.people.page_readers import Reader, words

from koyjabo.base.core.extensions import db
from koyjabo.people.audit.log import Actor
from koyjabo.upkeep.recounts.recounts import LEDGER_SUBJECT

VISITS = 120
OLDER = re.compile(r'rel="next" href="([^"]*before=[^"]*)"')
NEXT, PREVIOUS = re.compile(r'rel="next" href="([^"]*)"'), re.compile(r'rel="prev" href="([^"]*)"')
ORDINAL = re.compile(r'href="/admin/visits/(\d+)" data-row')
ENTRY = re.compile(r'<td class="head what">(.*?)<td class="time', re.DOTALL)
NAME = re.compile(r"data-row><bdi>(.*?)</bdi>")

other = site_fixture("2025-12-17T12:00:00+06:00")
"""A site whose visits and audit log a test may change."""


@pytest.fixture(scope="module")
def example(site):
    """A site with more communities than fit on a page."""
    example = ExampleCommunity(site)
    site.time.pass_(seconds=1)
    for number in range(25):
        found(example.founder, name=f"Line {number:02} 100%")
    return example


@pytest.fixture(scope="module")
def admin(site):
    return panel(site)


@pytest.fixture(scope="module", autouse=True)
def visits(site, example):
    """Visits of 40 people on two days, one in ten in the community."""
    site.time.go_to("2025-12-16T12:00:00+06:00")
    for number in range(VISITS):
        if number == VISITS // 2:
            site.time.pass_(days=1)
        community = {"communityId": example.community} if number % 10 == 0 else {}
        site.register(f"visitor{number % 40:02}", page=f"/stop/{number}", **community)


def ordinals(page: str) -> list[int]:
    return [int(number) for number in ORDINAL.findall(page)]


def pages(admin: Reader, path: str) -> list[str]:
    """This page and all older ones, in order."""
    texts = [admin.get(path)]
    while OLDER.search(texts[-1]):
        texts.append(follow(admin, OLDER, texts[-1]))
    return texts


def follow(admin: Reader, link: re.Pattern[str], page: str) -> str:
    return admin.get(unescape(link.search(page)[1]))


def all_ordinals(admin: Reader, path: str) -> list[int]:
    return [number for page in pages(admin, path) for number in ordinals(page)]


def test_the_list_of_visits_leads_from_the_newest_to_the_first(admin):
    assert len(ordinals(admin.get("/admin/visits"))) == 50
    assert all_ordinals(admin, "/admin/visits") == list(range(VISITS, 0, -1))


def test_visits_are_filtered_on_every_page(admin, example):
    for query, expected in (
        ("first_day=2025-12-17", [*range(120, 60, -1)]),
        ("last_day=2025-12-16", [*range(60, 0, -1)]),
        ("first_day=2025-12-18", []),
        (f"community_id={example.community}", [*range(111, 0, -10)]),
        ("text=visitor07", [88, 48, 8]),
        ("text=33", [33]),
        ("place=Unknown", [*range(120, 0, -1)]),
        ("place=Dhaka", []),
        ("text=stop/3", [40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 4]),
    ):
        assert all_ordinals(admin, f"/admin/visits?{query}") == expected, query


def test_visits_are_sorted_by_number_in_both_directions(admin):
    page = admin.get("/admin/visits?page=%2Fstop%2F3&before=99")
    assert 'aria-sort="descending"><a href="/admin/visits?page=%2Fstop%2F3&amp;sort=number"' in page
    first = admin.get("/admin/visits?sort=number")
    assert ordinals(first) == list(range(1, 51))
    second = follow(admin, NEXT, first)
    assert ordinals(second) == list(range(51, 101))
    assert ordinals(follow(admin, PREVIOUS, second)) == list(range(1, 51))


def test_the_error_for_an_invalid_filter_of_visits_names_the_filter(admin):
    page = admin.get("/admin/visits?country=BD&text=33", 400)
    assert "country: " in words(page)
    assert ordinals(page) == []
    page = admin.get("/admin/visits?first_day=2025-02-30&community_id=x&place=%3Cb%3E", 400)
    assert 'aria-describedby="first_day-error"' in page
    assert 'aria-describedby="community_id-error"' in page
    assert 'value="&lt;b&gt;"' in page


def test_every_filter_of_a_list_is_shown_with_a_link_to_remove_the_filter(admin):
    page = admin.get("/admin/visits?text=stop/3&first_day=2025-12-16&last_day=2025-12-16&who=people&before=999")
    assert [part for part in ("11 ", "“stop/3”", "16 Dec 2025") if part not in words(page)] == []
    assert 'href="/admin/visits?text=stop%2F3&amp;first_day=2025-12-16&amp;last_day=2025-12-16" aria-label=' in page
    today = admin.get("/admin/visits")
    assert 'first_day=2025-12-17&amp;last_day=2025-12-17">' in today


def test_the_page_of_a_visit_shows_its_stored_values(site, admin):
    page = words(admin.get("/admin/visits/11"))
    facts = ("11", "16 Dec 2025, 12:00:00 (Asia/Dhaka)", "/stop/10", "visitor10", "Mirpur 10")
    assert [fact for fact in facts if fact not in page] == []
    assert "Campaign" not in page
    site.rows("UPDATE visits SET language = 'bn', campaign = 'utm_source=mail&utm_campaign=Eid' WHERE ordinal = 12")
    page = words(admin.get("/admin/visits/12"))
    assert [fact for fact in ("Bangla", "mail · Eid") if fact not in page] == []
    for unknown in ("0", "999999", "9" * 40):
        admin.get(f"/admin/visits/{unknown}", 404)


def test_the_page_of_a_visit_shows_its_waiting_time_and_a_wrong_client_clock(other):
    """A device can claim any time without doing harm."""
    site, admin, now_ms = other, panel(other), other.time.ms
    waited = site.register("tunnel", waitedMs=3_120_000, timestamp=now_ms - 10 * 365 * 86_400_000).ordinal
    at_once = site.register("road", waitedMs=50_000, timestamp=now_ms - 50_000).ordinal
    wrong = site.register("wrong", timestamp=now_ms - 3_120_000).ordinal
    claims = [site.register(f"claim{claim}", timestamp=claim).ordinal for claim in (2**63 - 1, -(2**63) + 1, 0)]
    opened, clock = "Opened 17 Dec 2025, 11:08", "Device clock 17 Dec 2025, 11:08"
    for ordinal, shown in (
        (waited, [opened, "Counted 17 Dec 2025, 12:00", "Device clock 20 Dec 2015, 12:00"]),
        (wrong, [clock]),
        *((ordinal, []) for ordinal in (at_once, *claims)),
    ):
        page = words(admin.get(f"/admin/visits/{ordinal}"))
        assert [text for text in shown if text not in page] == []
        assert ("Opened" in page, "Device clock" in page) == (ordinal == waited, ordinal in (waited, wrong))
    assert words(admin.get("/admin/visits")).count(opened) == 1


def names(admin: Reader, path: str) -> list[str]:
    return NAME.findall(admin.get(path))


def test_communities_and_users_are_found_by_part_of_the_name_or_by_id(site, admin, example):
    assert names(admin, "/admin/communities?query=line&page=2") == [f"Line {number} 100%" for number in range(20, 25)]
    for query in ("9%20100%25", "%E0%A7%A7%E0%A7%AF%20LINE", f"line+19{'+' * 193}{'x' * 5000}"):
        assert "Line 19 100%" in names(admin, f"/admin/communities?query={query}")
    assert names(admin, f"/admin/communities?query={example.community.upper()}") == ["Mirpur 10"]
    assert names(admin, f"/admin/people?query={example.member.id}") == ["Babul"]
    sign_up(site, "chandana")
    site.rows("UPDATE users SET name = 'চন্দনা' WHERE email = 'chandana@example.com'")
    assert names(admin, "/admin/people?query=চন্দ") == names(admin, "/admin/people?query=CHANDANA@") == ["চন্দনা"]
    assert names(admin, "/admin/people?query=%25") == []


def test_communities_and_users_are_sorted_by_the_column_in_the_address(site, admin, example):
    assert names(admin, "/admin/communities?sort=-members")[0] == "Mirpur 10"
    assert names(admin, "/admin/communities?sort=-name&query=line")[0] == "Line 24 100%"
    by_name = names(admin, "/admin/communities")
    assert names(admin, "/admin/communities?sort=x") == by_name == sorted(by_name)
    assert names(admin, "/admin/communities?sort=created")[0] == "Mirpur 10"
    assert names(admin, "/admin/people?sort=name") == sorted(names(admin, "/admin/people"))
    assert names(admin, "/admin/people") == names(admin, "/admin/people?sort=-created")
    site.rows("UPDATE sessions SET renewed_ms = 4102444800000 WHERE user_id = :id", id=example.member.id)
    assert names(admin, "/admin/people?sort=-seen")[0] == "Babul"
    page = admin.get("/admin/people?sort=-seen&query=a")
    assert 'aria-sort="descending"><a href="/admin/people?sort=seen&amp;query=a">' in page


def entries(page: str) -> list[str]:
    """The events on the page, with their details and actors."""
    return [words(entry) for entry in ENTRY.findall(page)]


def test_the_audit_log_hides_logins_except_by_admins_in_new_browsers(site, admin, example):
    admin.log_in("rani")
    Reader(site).log_in("babul")
    assert not [entry for entry in entries(admin.get("/admin/audit")) if entry.startswith("Logged in")]
    Reader(site).log_in("rani")
    assert entries(admin.get("/admin/audit"))[0] == "Logged in from a new browser Rani"
    shown = entries(admin.get("/admin/audit?all=yes"))
    assert shown[1:4] == ["Logged in Babul", "Logged out Rani", "Logged in Rani"]
    accepted = next(entry for entry in shown if "Mirpur 10" in entry and entry.endswith(" Babul"))
    assert shown.index("Signed up Rani") < shown.index(accepted)


def test_the_audit_log_leaves_out_recounts_that_agree(other):
    admin, by = panel(other), Actor(None, "", "", other.time.ms)
    for agrees in (True, False):
        with other.app.app_context(), db.session.begin():
            by.entry("ledger.recounted", LEDGER_SUBJECT, agrees=agrees).store(db.session)
    for path, lines in (("/admin/audit", 1), ("/admin/audit?all=yes", 2)):
        assert len([entry for entry in entries(admin.get(path)) if "Recount finished" in entry]) == lines


def entries_of_line(line: str) -> int:
    times = re.search(r", (\d+) times", line)
    return int(times[1]) if times else 1


def test_equal_entries_of_a_day_are_one_line_of_the_audit_log(other):
    admin = panel(other)
    for _ in range(3):
        Reader(other).log_in("rani")
    other.time.pass_(days=1)
    Reader(other).log_in("rani")
    page = admin.get("/admin/audit")
    assert entries(page)[:2] == ["Logged in from a new browser Rani", "Logged in from a new browser, 3 times Rani"]
    assert re.findall(r'scope="rowgroup"[^>]*>(.*?)<', page) == ["18 Dec 2025", "17 Dec 2025"]
    assert len(re.findall(r'below-side"><time datetime="[^"]+">\d\d:\d\d</time>', page)) == len(entries(page))


def test_the_pages_of_the_audit_log_contain_each_entry_once(other):
    admin = panel(other)
    ExampleCommunity(other)
    columns = ", ".join(column.name for column in db.metadata.tables["audit_log"].columns if column.name != "id")
    for _ in range(5):
        other.rows(f"INSERT INTO audit_log ({columns}) SELECT {columns} FROM audit_log")
    lists = [entries(page) for page in pages(admin, "/admin/audit?all=yes")]
    assert len(lists) > 1
    shown = sum(entries_of_line(line) for lines in lists for line in lines)
    assert shown == other.rows("SELECT count(*) FROM audit_log")[0][0]
