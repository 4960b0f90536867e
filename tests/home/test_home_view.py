"""What the home page says of the next milestone, of where people are, and of busy communities."""

from __future__ import annotations

import json
import re
from zoneinfo import ZoneInfo

from support.application.site import SPEC_MOMENT, Site, Time
from support.people.page_readers import Reader, words

from koyjabo.core.clock import Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.counting.records import NewVisit
from koyjabo.counting.services import CountingServices
from koyjabo.home.pages import LARGEST, at_this_pace, people_map
from koyjabo.models import Scope
from koyjabo.network.place_names import within
from koyjabo.presence.members.online_members import Online
from koyjabo.presence.services import PresenceServices
from koyjabo.reports.ui.community import from_first

CLOCK = Clock(ZoneInfo("Asia/Dhaka"), now_ms=Time(SPEC_MOMENT))  # a Tuesday, 10:48


PACES = [
    (50, [100] * 7, "today at this pace"),
    (100, [100] * 7, "tomorrow at this pace"),
    (300, [9_999, *[100] * 7], "on Friday at this pace"),  # of the last seven days alone
    (700, [100] * 7, "in about a week at this pace"),
    (2_000, [100] * 7, "in about 3 weeks at this pace"),
    (10_000, [100] * 7, "in about 3 months at this pace"),
    (40_000, [100] * 7, ""),  # more than a year
    (100, [0, 0, 0, 0, 100, 100, 100], ""),  # too few days
    (100, [0, 0, 0, 100, 100, 100, 100], "on Thursday at this pace"),
    (100, [], ""),
]


def test_pace_is_predicted_from_the_last_seven_days(site):
    with site.app.test_request_context("/", headers={"Accept-Language": "en"}):
        assert [(visits, days, at_this_pace(visits, days, CLOCK)) for visits, days, _ in PACES] == PACES
    with site.app.test_request_context("/", headers={"Accept-Language": "bn"}):
        assert "শুক্রবার" in at_this_pace(300, [100] * 7, CLOCK)


def test_dots_are_divisions_and_countries_with_at_least_three_people():
    places = {"Dhaka, BD": 12, "Savar, BD": 4, "Cox's Bazar, BD": 2, "Chittagong, BD": 1, "Sylhet, BD": 2, "India": 2}
    places |= {"Delhi, IN": 1, "Japan": 2, "Atlantis, BD": 5, "Other": 9, "Unknown": 9}
    found = people_map(places)
    assert found is not None
    shown = {dot.key: dot.people for dot in found.divisions if dot.radius}
    assert shown == {"Dhaka": 16, "Chattogram": 3}
    assert len(found.divisions) == 8
    assert {dot.key: dot.people for dot in found.countries} == {"BD": 26, "IN": 3}
    assert max(dot.radius for dot in found.divisions) == LARGEST
    assert all(0 < dot.x < 960 and 0 < dot.y < 430 for dot in found.countries)


def test_map_without_people_has_divisions_without_dots():
    found = people_map({})
    assert found is not None
    assert ([dot.radius for dot in found.divisions], found.countries) == ([0] * 8, [])


NAME = re.compile(r'<h2 id="(?:totalVisits|todayVisits|activeUsers|uniqueVisitors)-label".*?>(.+?)</h2>')
WORDS = {
    "en": ("Global Stats", "Total Visits", "Today", "Active now", "Unique visitors"),
    "bn": ("সামগ্রিক পরিসংখ্যান", "মোট ভিজিট", "আজ", "এখন সক্রিয়", "আলাদা ভিজিটর"),
}


def test_page_says_the_words_of_the_contract_in_their_order(site):
    """The heading and the names of the four numbers are those of the original app."""
    for language, (heading, *names) in WORDS.items():
        page = Reader(site, language).get("/")
        assert f"<h1>{heading}</h1>" in page
        assert NAME.findall(page) == names


def test_empty_site_says_that_there_were_no_visits_yet(sqlite_database):
    with Site(sqlite_database.url) as site:
        page = Reader(site).get("/")
    assert "Total Visits 0" in words(page)
    assert "0 a minute" in words(page)
    assert "No visits yet. Yours may be the first." in words(page)
    assert "100 more to 100" in words(page)
    assert "Busy communities" not in words(page)


def test_page_shows_the_last_hour_the_newest_visit_and_the_way_to_the_milestone(sqlite_database):
    with Site(sqlite_database.url, STARTING_TOTAL=4000, MILESTONES="4003,4010") as site:
        for _ in range(2):
            site.register()
        page = Reader(site).get("/")
        said = words(page)
        assert "Total Visits 4,002 Is this number right? 2 a minute" in said
        assert "10:48 Someone" in said
        assert "1 more to 4,003" in said
        assert 'data-goal="4003 4010"' in page
        known = json.loads(re.search(r'id="pulse">(.*?)</script>', page)[1])
        assert (len(known["hour"]), known["hour"][-1], known["lastAgeMs"]) == (60, 2, 0)
        site.time.pass_(seconds=30)
        assert "2 a minute" in words(Reader(site).get("/"))  # of the minute before, of which nearly all is missing
        site.time.pass_(seconds=45)
        assert "0 a minute" in words(Reader(site).get("/"))


def test_site_without_milestones_shows_no_way_to_one(sqlite_database):
    with Site(sqlite_database.url, MILESTONES="none") as site:
        assert "data-goal" not in Reader(site).get("/").partition("<main")[2].partition("<template")[0]


def test_busy_communities_are_those_that_show_it_to_everybody(site, cast):
    communities = {
        "Busy metro": cast.community(name="Busy metro", public_count=True),
        "Busier ferry": cast.community(name="Busier ferry", public_count=True),
        "Empty bus": cast.community(name="Empty bus", public_count=True),
        "Quiet people": cast.community(name="Quiet people"),
        "Hidden way": cast.community(name="Hidden way", listed=False, public_count=True),
    }
    arrivals = site.services[PresenceServices].arrivals
    for number, community in enumerate(communities.values(), 1):
        for online in range(1, number + 1):
            arrivals.record(Scope(community), Online(online, online))
    arrivals.record(Scope(communities["Empty bus"]), Online(9, 0))
    shown = words(Reader(site).get("/"))
    assert "Busy communities Busier ferry 2 online Busy metro 1 online" in shown
    assert not any(name in shown for name in ("Empty bus", "Quiet people", "Hidden way"))


def test_page_without_a_database_that_answers_shows_the_stats(site, monkeypatch):
    site.register()

    def away(*_: object) -> None:
        raise LedgerUnavailable

    monkeypatch.setattr(type(site.services[CountingServices].pulse), "hour", away)
    page = Reader(site).get("/")
    assert f"Total Visits {site.stats()['totalVisits']}" in words(page)
    assert "data-hour" not in page


CHARTS = [
    ([0, 0, 0, 5, 0, 0, 0, 0, 1], [5, 0, 0, 0, 0, 1]),
    ([0, 0, 7, 0, 0, 0, 0, 0, 0], [7, 0, 0, 0, 0, 0, 0]),
    ([0, 0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1]),
    ([0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]),
    ([0, 0, 1], [0, 0, 1]),
    ([], []),
]


def test_chart_begins_with_the_first_value_or_has_six_rows():
    for values, kept in CHARTS:
        rows = [(str(at), value, 0) for at, value in enumerate(values)]
        assert [row[1] for row in from_first(rows)] == kept
        assert from_first(rows) == rows[len(rows) - len(kept) :]


def test_newest_visits_name_a_place_while_the_visitor_may_be_one_of_three_who_are_active_there(sqlite_database):
    with Site(sqlite_database.url) as site:
        names_places_of_newest_visits(site)


def names_places_of_newest_visits(site: Site) -> None:
    visits = site.services[CountingServices].visits

    def come(*visitors: str, place: str = "Dhaka, BD") -> None:
        for visitor in visitors:
            site.time.pass_(seconds=1)
            visits.register(NewVisit(visitor, None, place=place, at_ms=site.time.ms))

    def shown() -> list[str]:
        return re.findall("Someone(?: in [A-Z][a-z]+)?", words(Reader(site).get("/")).partition("Latest visits")[2])

    come("early"), site.time.pass_(seconds=400)
    come("ayesha", "babul")
    assert shown() == ["Someone"] * 3  # two are active in Dhaka
    come("chandni")
    assert shown() == ["Someone in Dhaka"] * 3 + ["Someone"], "who came early is not one of the three"
    come("alone", place="Sylhet, BD")
    assert shown() == ["Someone", *["Someone in Dhaka"] * 3, "Someone"]
    site.post("/api/visitor/forget", json={"visitorId": "babul"})
    assert shown() == ["Someone"] * 4, "two are left in Dhaka"


COUNTRIES = {
    "United Kingdom": "the United Kingdom",
    "The Netherlands": "the Netherlands",
    "Cook Islands": "the Cook Islands",
}
COUNTRIES |= {name: name for name in ("Bangladesh", "Congo", "Christmas Island", "London, GB", "Unknown")}


def test_a_country_has_its_article_in_a_sentence():
    found = {name: within(name, "en") for name in COUNTRIES}
    assert found == COUNTRIES | {"London, GB": "London, United Kingdom"}
    assert within("United Kingdom", "bn") == "যুক্তরাজ্য"


def test_map_of_divisions_is_there_only_with_a_dot_on_it():
    assert [people_map(places).knows_divisions for places in ({"Bangladesh": 90}, {"Dhaka, BD": 3})] == [False, True]
