"""The card *Locations*: its maps, its tabs and its flags."""

import re
from itertools import count

import pytest
from support.people.admins import panel
from support.people.page_readers import words

from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits

COUNTRIES = ["France", "Singapore", "Kosovo", "Germany", "Brazil", "India", "Malta", "Fiji", "Japan"]
CARD = "/admin/?range=today&part=places&tabs="
TABS = re.compile(r'data-key="tab places \d"[^>]*>(\w+)<')
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
    page = open_with(f"{CARD}map", "Unknown", "Unknown", "Unknown", "Bangladesh", "Bangladesh", *COUNTRIES)
    on_map = {*re.findall(r'<use href="[^"]*/world\.svg#([A-Z]{2})"', page)}
    assert (len(on_map), {*re.findall(r'data-key="value country (\w+)"', page)}) == (10, on_map)
    page = open_with(f"{CARD}map", "Dhaka, BD")
    assert ("bangladesh.svg" in page, "Outside this map: 14" in words(page)) == (True, True), "elsewhere or unknown"
    assert "bangladesh.svg" not in open_with(f"{CARD}map", "Lyon, FR", "France"), "as many visits from France"
    assert "bangladesh.svg" in open_with(f"{CARD}map&country=!FR")


def test_city_is_a_tab_only_if_a_visit_of_the_range_has_one(open_with):
    page = open_with(f"{CARD}city", "Kosovo", "Unknown")
    assert (TABS.findall(page), "How to get cities" in words(page)) == (["Country", "Map"], True)
    assert "Country (CSV)" in words(open_with("/admin/?range=today&tabs=city"))
    assert re.findall(r'<span aria-hidden="true">(.*?)</span> (\w+)', page) == [("🇽🇰", "Kosovo")]
    page = open_with(f"{CARD}city&country=JP", "Lyon, FR")  # a filter does not count
    assert (TABS.findall(page), "How to get cities" in words(page)) == (["Country", "City", "Map"], False)
    assert '<bdi><span aria-hidden="true">🇫🇷</span> Lyon, France</bdi>' in open_with("/admin/visits")
