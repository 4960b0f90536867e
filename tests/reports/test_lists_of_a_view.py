"""The lists that a view shows: tabs with values, links to all other lists, the order of rows, weekdays and hours."""

import re
from typing import Any

import pytest
from support.application.site import Site, Time
from support.people.admins import panel

from koyjabo.columns.dimensions.dimensions import DIMENSION_NAMES
from koyjabo.reports.ui.cards import SITE_CARDS

TAB = re.compile(r'data-key="tab (\w+) \d+"[^>]*>([^<]+)')
MORE = re.compile(r'data-key="more \d+" href="([^"]+)">([^<]+)')
CELL = re.compile(r'(?s)data-cell="when\.(\d)\.(\d+)".*?data-level="(\d+)".*?data-as="count">([^<]+)<')
ALL = "utm_source=mail&utm_medium=email&utm_campaign=eid&utm_term=a&utm_content=b"


@pytest.fixture
def site(database):
    with Site(database.url, Time.at("2025-12-01T09:30:00+06:00")) as site:
        yield site


def send(site: Site, visitor: str, name: str) -> None:
    event = {"id": name, "name": name, "page": "/b"}
    assert site.post("/api/events", json={"visitorId": visitor, "events": [event]}).json["accepted"] == 1


def tabs(page: str, card: str) -> list[str]:
    return [label for name, label in TAB.findall(page) if name == card]


def reached(reader: Any, page: str) -> set[str]:
    """The dimensions that the tabs of the page and its links to more lists show."""
    links = {re.search(r"[?&;]by=(\w+)", link)[1] for link, _ in MORE.findall(page)}
    for link, _ in MORE.findall(page):
        assert 'id="insights-list-title"' in reader.get(link.replace("&amp;", "&"))
    shown = set(re.findall(r'id="insights-(\w+)-values"', page))
    return links | shown | {name for card in SITE_CARDS for name in card.tabs if f"tab {card.name} " in page}


def test_every_dimension_with_a_value_is_a_tab_or_among_more_lists(site):
    site.add_community("riders")
    user_agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/142.0 Safari/537.36"
    for number in range(4):
        site.time.pass_(hours=1)
        site.register(f"v{number}", page=f"/a?{ALL}", userAgent=user_agent, communityId="riders")
    for name in ("pageview", "signup"):
        send(site, "v1", name)
    reader = panel(site)
    page = reader.get("/admin/?range=today")
    present = {
        name
        for name in DIMENSION_NAMES
        if any(row["value"] is not None for row in reader.client.get(f"/api/reports/breakdown?by={name}").json["rows"])
    }
    assert {"utm_term", "weekday", "own", "viewed_page"} <= present
    assert present - reached(reader, page) == set()


def test_a_tab_without_a_value_is_not_shown_and_gives_way_to_another(site):
    site.register("a", page="/a?utm_source=poster&utm_medium=qr")
    reader = panel(site)
    assert tabs(reader.get("/admin/?range=today"), "sources") == ["Source", "Channel", "Medium"]
    page = reader.get("/admin/?range=today&tabs=utm_campaign")
    assert 'id="insights-source-values"' in page
    assert "insights-utm_campaign-values" not in page


def test_visits_without_a_value_are_last_on_pages_and_keep_their_place_in_the_api(site):
    for number in range(5):
        site.register(f"v{number}", page="/a" if number else "/a?utm_campaign=eid", referrer="direct")
    reader = panel(site)
    page = reader.get("/admin/?range=today&tabs=utm_campaign")
    rows = re.findall(r'data-key="value utm_campaign (\w*)', page)
    assert rows == ["eid", ""]
    api = reader.client.get("/api/reports/breakdown?by=utm_campaign").json["rows"]
    assert [row["value"] for row in api] == [None, "eid"]


def test_hours_are_a_grid_by_weekday_for_seven_days_of_a_site_that_is_seven_days_old(site):
    for hours in (0, 1, 1, 24, 24 * 7 - 26):
        site.time.pass_(hours=hours)
        site.register(f"v{hours}", visitId=str(site.time()))
    reader = panel(site)
    cells = {(day, hour): (level, count) for day, hour, level, count in CELL.findall(reader.get("/admin/?range=7d"))}
    assert len(cells) == 7 * 24
    assert {pair: cell for pair, cell in cells.items() if cell[1] != "0"} == {
        ("2", "11"): ("10", "1"),
        ("1", "9"): ("10", "1"),
    }
    assert CELL.findall(reader.get("/admin/?range=today")) == []


def test_page_views_are_shown_once_the_scope_has_had_one(site):
    site.register("a", page="/a")
    reader = panel(site)

    def shown() -> tuple[bool, bool]:
        page = reader.get("/admin/?range=today")
        return 'data-stat="page_views"' in page, "Viewed page" in tabs(page, "pages")

    assert shown() == (False, False)
    send(site, "a", "pageview")
    assert shown() == (True, True)
    site.time.pass_(days=2)
    site.register("b", page="/a")
    assert shown() == (True, True)
