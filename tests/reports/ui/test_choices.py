"""The choices of a reader of reports: the comparison, and the switches that leave visits out."""

import re
from datetime import date, timedelta
from html import unescape

import pytest
from support.application.site import Site, Time
from support.people.accounts import new_admin
from support.people.admins import panel
from support.people.communities import found
from support.people.page_readers import Reader, words
from support.people.share_links import share

CHOSEN = re.compile(r'<a href="[^"]*compare=(\w+)[^"]*"[^>]* aria-current="true"')
CHOICE = re.compile(r'<a href="([^"]*compare=year[^"]*)"[^>]*>Previous year<')


@pytest.fixture(scope="module")
def admin(site):
    site.time.go_to("2025-12-02T10:00:00+06:00")
    site.register("early", visitId="1", page="/")
    site.time.go_to("2025-12-16T10:00:00+06:00")
    site.register("late", visitId="2", page="/")
    return panel(site)


BEGINNINGS = dict.fromkeys((1, 2), "Today, Hour") | dict.fromkeys((3, 27), "All days, Day")
BEGINNINGS |= dict.fromkeys((28, 55, 56), "Last 28 days, Day")
"""The range and the periods that a view begins with, by the number of days since the first visit."""

RANGE = re.compile(r'aria-current="true"[^>]*>(Today|All days|Last \d+ days)\s*<')
STEP = re.compile(r'<th scope="col">(\w+)</th><th scope="col" class="number" data-series>')


SWITCH = re.compile(r'<a href="([^"]*)"( aria-current="true")?>(Attended only|Without own visits)<')


def switches(page: str) -> dict[str, tuple[str, bool]]:
    return {label: (unescape(url), bool(is_on)) for url, is_on, label in SWITCH.findall(page)}


def begins(page: str) -> str:
    """The range and the periods of a page."""
    (label,), (step,) = RANGE.findall(page), STEP.findall(page)
    return f"{label}, {step}"


def chosen(page: str) -> set[str]:
    return set(CHOSEN.findall(page))


def test_a_view_begins_with_the_days_that_exist_unless_its_link_has_a_range(sqlite_database):
    with Site(sqlite_database.url, Time.at("2026-03-01T23:30:00+06:00")) as site:
        boss = new_admin(site, "nila")
        community = found(boss, open=True)["id"]
        site.register("ayesha", communityId=community)
        link, kept = (f"/share/{share(boss, range=range)['token']}" for range in (None, "30d"))
        for days, beginning in BEGINNINGS.items():
            site.time.go_to(f"{date(2026, 3, 1) + timedelta(days - 1)}T{'00:15' if days > 1 else '23:45'}:00+06:00")
            reader = panel(site, f"rani{days}")
            for path in ("/admin/?metric=visits", link, f"/communities/{community}/reports"):
                page = reader.get(path)
                assert begins(page) == beginning, (path, days)
                assert chosen(page) == {"previous" if days in (2, 56) else "none"}
                assert ('data-as="change"' in page) == (days in (2, 56))
                old = f"{path}{'&' if '?' in path else '?'}compare=weekday"
                assert chosen(reader.get(old)) == {"previous"}
            assert begins(reader.get(kept)) == "Last 30 days, Day"
        assert "29 Mar 2026 – 25 Apr 2026, compared with 1 Mar 2026 – 28 Mar 2026, 00:15" in words(page)


def test_hours_are_shown_once_three_have_visits(sqlite_database):
    with Site(sqlite_database.url, Time.at("2026-03-01T08:00:00+06:00")) as site:
        reader, shown = panel(site), []
        for hour in range(3):
            site.register("ayesha", visitId=str(hour))
            page = reader.get("/admin/?range=today")
            shown.append(" hidden" not in re.search(r'<[^>]*id="insights-when"[^>]*>', page)[0])
            site.time.pass_(hours=1)
        assert shown == [False, False, True]


def test_a_comparison_applies_to_the_links_of_its_page_but_not_to_later_pages(admin):
    page = admin.get(unescape(CHOICE.search(admin.get("/admin/?range=7d"))[1]))
    assert chosen(page) == {"year"}
    assert "range=7d&amp;compare=year&amp;page=%2F" in page
    assert chosen(admin.get("/admin/?range=7d")) == {"previous"}


def test_days_before_the_first_visit_are_not_compared(admin):
    for days, is_compared in (("start=2025-12-02&end=2025-12-08", False), ("start=2025-12-09&end=2025-12-15", True)):
        assert ("compared with" in admin.get(f"/admin/?{days}&compare=previous")) == is_compared


def test_a_range_is_compared_per_day_with_the_days_that_have_data(admin):
    """There is one visit on 2 December and one on the 16th, and it is 10:00: 10 days and 10 hours are compared with 3
    days and 10 hours.
    """
    page = admin.get("/admin/?start=2025-12-06&end=2025-12-16&compare=previous&granularity=day")
    days = "6 Dec 2025 – 16 Dec 2025, compared with 2 Dec 2025 – 5 Dec 2025, 10:00"
    for text in (days, "Data begins on 2 Dec 2025: 3 of 10 days, compared per day"):
        assert text in words(page)
    assert "down 67%" in words(page)
    assert "Not comparable" in words(page)  # unique visitors: the same visitor may come on several days
    assert re.findall(r'data-compared="(\d*)"', page) == ["0"] * 3 + ["1"] + [""] * 7  # 25 November to 1 December


def test_only_the_address_of_a_page_turns_a_switch_on(sqlite_database):
    with Site(sqlite_database.url) as site:
        attended_ms = {"short": 0, "read": 3_000, "study": 130_000, "work": 400_000, "own": 9_000}
        for visitor, its_ms in attended_ms.items():
            site.register(visitor, page="/")
            site.rows("UPDATE visits SET attended_ms = :ms WHERE visitor_id = :of", ms=its_ms, of=visitor)
        site.rows("UPDATE visits SET own = true WHERE visitor_id = 'own'")
        check_switches(panel(site))


def check_switches(admin: Reader) -> None:
    page = admin.get("/admin/?range=today")
    assert [is_on for _, is_on in switches(page).values()] == [False, False]
    for label, visits in {"Attended only": 4, "Without own visits": 3}.items():
        page = admin.get(switches(page)[label][0])
        assert f'data-stat="visits" data-value="{visits}"' in page
        assert 'data-stat="visits" data-value="5"' in admin.get("/admin/?range=today")
    for label in ("Attended only", "Without own visits"):
        page = admin.get(switches(page)[label][0])
    assert [is_on for _, is_on in switches(page).values()] == [False, False]
