"""The choices of a reader of reports: the comparison, and the switches that leave visits out."""

import re
from html import unescape

import pytest
from support.application.site import Site
from support.people.admins import panel
from support.people.page_readers import Reader, words

CHOSEN = re.compile(r'<a href="[^"]*compare=(\w+)[^"]*"[^>]* aria-current="true"')
CHOICE = re.compile(r'<a href="([^"]*compare=year[^"]*)"[^>]*>Previous year<')


@pytest.fixture(scope="module")
def admin(site):
    site.time.go_to("2025-12-02T10:00:00+06:00")
    site.register("early", visitId="1", page="/")
    site.time.go_to("2025-12-16T10:00:00+06:00")
    site.register("late", visitId="2", page="/")
    return panel(site)


SWITCH = re.compile(r'<a data-key="switch \d" href="([^"]*)"( aria-current="true")?>([^<]*)<')


def switches(page: str) -> dict[str, tuple[str, bool]]:
    return {label: (unescape(url), bool(is_on)) for url, is_on, label in SWITCH.findall(page)}


def chosen(page: str) -> set[str]:
    return set(CHOSEN.findall(page))


def test_the_panel_is_compared_with_the_same_weekdays_until_another_is_chosen(admin):
    page = admin.get("/admin/?range=7d")
    assert chosen(page) == {"weekday"}
    assert "3 Dec 2025 – 9 Dec 2025" in page
    assert "compare=weekday&amp;page=%2F" in page  # in every link, for other people who open it
    admin.get("/admin/?compare=year")
    # opening a link with another comparison does not change the choice
    assert chosen(admin.get("/admin/?range=7d")) == {"weekday"}
    admin.get(unescape(CHOICE.search(page)[1]))
    assert chosen(admin.get("/admin/")) == {"year"}
    assert "keep=comparison&amp;" not in admin.get("/admin/?compare=none&keep=comparison")
    assert chosen(admin.get("/admin/")) == {"none"}


def test_by_default_the_panel_compares_a_range_only_if_all_earlier_days_have_data(site, admin):
    nila = panel(site, "nila")
    for first, comparison in (("10", "weekday"), ("09", "none")):  # the first visit was two weeks ago
        assert chosen(nila.get(f"/admin/?start=2025-12-{first}&end=2025-12-16")) == {comparison}
    assert chosen(nila.get("/admin/?start=2025-12-08&end=2025-12-16&compare=weekday")) == {"weekday"}


def test_days_before_the_first_visit_are_not_compared(admin):
    for days, is_compared in (("start=2025-12-02&end=2025-12-08", False), ("start=2025-12-09&end=2025-12-15", True)):
        assert ("compared with" in admin.get(f"/admin/?{days}&compare=weekday")) == is_compared


def test_a_range_is_compared_per_day_with_the_days_that_have_data(admin):
    """There is one visit on 2 December and one on the 16th, and it is 10:00: 10 days and 10 hours are compared with 3
    days and 10 hours.
    """
    page = admin.get("/admin/?start=2025-12-06&end=2025-12-16&compare=previous&granularity=day")
    days = "6 Dec 2025 – 16 Dec 2025, compared with 2 Dec 2025 – 5 Dec 2025, 10:00"
    assert f"{days} · Data begins on 2 Dec 2025: 3 of 10 days, compared per day" in words(page)
    assert "down 67%" in words(page)
    assert "Not comparable" in words(page)  # unique visitors: the same visitor may come on several days
    assert re.findall(r'data-compared="(\d*)"', page) == ["0"] * 3 + ["1"] + [""] * 7  # 25 November to 1 December


def test_a_switch_is_remembered_and_a_link_with_its_filters_is_not(sqlite_database):
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
    admin.get("/admin/?attended=!none&own=others")
    assert [is_on for _, is_on in switches(admin.get("/admin/?range=today")).values()] == [False, False]
    admin.get(switches(page)["Attended only"][0])
    page = admin.get("/admin/?range=today")
    assert 'data-stat="visits" data-value="4"' in page
    both = admin.get(switches(page)["Without own visits"][0])
    assert 'data-stat="visits" data-value="3"' in both
    assert 'data-stat="visits" data-value="3"' in admin.get("/admin/?range=today")
    assert 'data-value="5"' in admin.get("/admin/?range=today&compare=none")  # as another reader would open it
    for label in ("Attended only", "Without own visits"):
        page = admin.get(switches(admin.get("/admin/?range=today"))[label][0])
    assert [is_on for _, is_on in switches(admin.get("/admin/?range=today")).values()] == [False, False]
