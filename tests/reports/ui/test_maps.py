"""The card *Locations*: flags, the tab *City*, and which map its tab *Map* shows."""

import re
from itertools import count

import pytest
from support.people.admins import panel
from support.people.page_readers import words

from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits

COUNTRIES = ["France", "United States", "Singapore", "Kosovo", "Germany", "Brazil", "India", "Malta", "Fiji", "Japan"]
PLACES = "/admin/?range=today&part=places&tabs="
MAP = f"{PLACES}map"
ON_MAP = re.compile(r'<use href="[^"]*/world\.svg#([A-Z]{2})"')
TABS = re.compile(r'data-key="tab places \d"[^>]*>(\w+)<')
LISTED = re.compile(r'data-key="value country (\w+)"')
numbers = count()


@pytest.fixture(scope="module")
def admin(site):
    return panel(site)


@pytest.fixture
def open_with(site, admin):
    """`open_with(page, *places)` registers visits from places on a day of this test, and returns an admin's page."""
    site.time.pass_(days=1)

    def open_page(page: str, *places: str) -> str:
        for place in places:
            site.services[Visits].register(NewVisit(f"visitor{next(numbers)}", "1", at_ms=site.time(), place=place))
        return admin.get(page)

    return open_page


def test_the_map_is_the_world_unless_most_located_visits_come_from_cities_of_bangladesh(open_with):
    page = open_with(MAP, "Unknown", "Unknown", "Unknown", "Bangladesh", "Bangladesh", *COUNTRIES)
    on_map = {*ON_MAP.findall(page)}
    assert len(on_map) == len(COUNTRIES) + 1, "all countries, although there are visits without one"
    assert {*LISTED.findall(page)} == on_map, "the list is complete"
    assert "bangladesh.svg" in open_with(MAP, "Dhaka, BD")
    assert "bangladesh.svg" not in open_with(MAP, "Lyon, FR", "France"), "as many visits from France"
    assert "bangladesh.svg" in open_with(f"{MAP}&country=!FR")


def test_city_is_a_tab_only_if_a_visit_of_the_range_has_one(open_with):
    page = open_with(f"{PLACES}city", "France", "Unknown")
    assert (TABS.findall(page), LISTED.findall(page)) == (["Country", "Map"], ["FR"])
    assert "How to get cities" in words(page)
    page = open_with(f"{PLACES}city&country=JP", "Lyon, FR")
    assert TABS.findall(page) == ["Country", "City", "Map"], "a filter does not count"
    assert "How to get cities" not in words(page)


def test_countries_have_flags_that_screen_readers_skip(open_with):
    page = open_with(PLACES, "Kosovo", "Unknown")
    assert re.findall(r'<span aria-hidden="true">(.*?)</span> (\w+)', page) == [("🇽🇰", "Kosovo")]
    assert '<bdi><span aria-hidden="true">🇫🇷</span> Lyon, France</bdi>' in open_with("/admin/visits", "Lyon, FR")
