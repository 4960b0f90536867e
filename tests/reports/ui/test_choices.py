"""The choices of a reader of reports: the comparison, and the switches that leave visits out."""

import re
from html import unescape

import pytest
from support.application.site import Site
from support.people.accounts import new_admin
from support.people.admins import panel
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


SWITCH = re.compile(r'<a href="([^"]*)"( aria-current="true")?>(Attended only|Without own visits)<')


def switches(page: str) -> dict[str, tuple[str, bool]]:
    return {label: (unescape(url), bool(is_on)) for url, is_on, label in SWITCH.findall(page)}


def chosen(page: str) -> set[str]:
    return set(CHOSEN.findall(page))


def test_a_range_is_compared_with_the_same_weekdays_once_they_all_have_data(site, admin):
    shared = "/share/" + share(new_admin(site, "nila"))["token"]
    for path, first, comparison in (
        ("/admin/", "10", "weekday"),
        (shared, "10", "weekday"),
        ("/admin/", "09", "none"),  # the first visit was two weeks ago
        (shared, "09", "none"),
    ):
        page = admin.get(f"{path}?start=2025-12-{first}&end=2025-12-16")
        assert chosen(page) == {comparison}
        assert ('data-as="change"' in page) == (comparison == "weekday")
    assert chosen(admin.get("/admin/?start=2025-12-08&end=2025-12-16&compare=weekday")) == {"weekday"}


def test_a_comparison_applies_to_the_links_of_its_page_but_not_to_later_pages(admin):
    page = admin.get(unescape(CHOICE.search(admin.get("/admin/?range=7d"))[1]))
    assert chosen(page) == {"year"}
    assert "range=7d&amp;compare=year&amp;page=%2F" in page
    assert chosen(admin.get("/admin/?range=7d")) == {"weekday"}


def test_days_before_the_first_visit_are_not_compared(admin):
    for days, is_compared in (("start=2025-12-02&end=2025-12-08", False), ("start=2025-12-09&end=2025-12-15", True)):
        assert ("compared with" in admin.get(f"/admin/?{days}&compare=weekday")) == is_compared


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
