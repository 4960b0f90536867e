"""The home page's texts about the next milestone, where visitors are, and busy communities."""

import re
from zoneinfo import ZoneInfo

from support.application.site import SPEC_MOMENT, Site, Time
from support.people.page_readers import Reader, words

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.models import Scope
from koyjabo.counting.days_by_hour import DaysByHour
from koyjabo.presence.members.arrivals import ArrivalCounter
from koyjabo.presence.members.online_members import Online
from koyjabo.site.home.pace import at_this_pace

CLOCK = Clock(ZoneInfo("Asia/Dhaka"), now_ms=Time(SPEC_MOMENT), release_ms=0)  # a Tuesday, 10:48


PACES = [  # visits until a milestone, the visits of the last days, and the prediction
    (50, [100] * 7, "Expected today"),
    (100, [100] * 7, "Expected tomorrow"),
    (300, [9_999, *[100] * 7], "Expected on Friday"),  # only the last seven days count
    (700, [100] * 7, "Expected in about a week"),
    (2_000, [100] * 7, "Expected in about 3 weeks"),
    (10_000, [100] * 7, "Expected in about 3 months"),
    (40_000, [100] * 7, ""),  # more than a year
    (100, [0, 0, 0, 0, 100, 100, 100], ""),  # too few days
    (100, [0, 0, 0, 100, 100, 100, 100], "Expected on Thursday"),
    (100, [], ""),
]


def test_the_day_of_a_milestone_is_predicted_from_the_last_seven_days(site):
    with site.app.test_request_context("/", headers={"Accept-Language": "en"}):
        assert [(visits, days, at_this_pace(visits, days, CLOCK)) for visits, days, _ in PACES] == PACES
    with site.app.test_request_context("/", headers={"Accept-Language": "bn"}):
        assert "শুক্রবার" in at_this_pace(300, [100] * 7, CLOCK)


NAME = re.compile(r'<h2 id="(?:totalVisits|todayVisits|activeUsers|uniqueVisitors)-label".*?>(.+?)</h2>')
WORDS = {
    "en": ("Global Stats", "Total Visits", "Today", "Active now", "Unique visitors"),
    "bn": ("সামগ্রিক পরিসংখ্যান", "মোট ভিজিট", "আজ", "এখন সক্রিয়", "আলাদা ভিজিটর"),
}


def test_the_home_page_names_the_four_numbers_like_the_original_app(site):
    """The heading and the names of the four numbers come from the original app."""
    for language, (heading, *names) in WORDS.items():
        page = Reader(site, language).get("/")
        assert f"<h1>{heading}</h1>" in page
        assert NAME.findall(page) == names


def test_a_site_with_a_name_has_it_as_heading_of_the_home_page(sqlite_database):
    with Site(sqlite_database.url, SITE_NAME="Carnet de Lyon") as site:
        page = Reader(site).get("/")
    assert "<h1>Carnet de Lyon</h1>" in page
    assert "<title>Total Visits · Carnet de Lyon</title>" in page


def test_the_home_page_shows_a_milestone_for_a_minute(sqlite_database):
    with Site(sqlite_database.url, STARTING_TOTAL=98, MILESTONES="100,102") as site:
        reader, opened = Reader(site), "data-reached><p><strong>{}</strong>"
        site.register("ayesha")
        assert "data-reached>" not in reader.get("/")
        for visitor in ("babul", "chandni"):
            site.register(visitor)
        assert opened.format(100) in reader.get("/")
        site.time.pass_(seconds=59)
        assert opened.format(100) in reader.get("/")
        site.time.pass_(seconds=2)
        assert "data-reached>" not in reader.get("/")
        site.register("dipu")
        assert opened.format(102) in reader.get("/")
        site.set_total(50, new_epoch=True)
        assert "data-reached>" not in reader.get("/"), "a new count has not reached it"


def test_the_digits_of_the_big_number_are_hidden_from_screen_readers(sqlite_database):
    with Site(sqlite_database.url, STARTING_TOTAL=123_456_789_011) as site:
        site.register()
        for language, text in (("en", "123,456,789,012"), ("bn", "১,২৩,৪৫,৬৭,৮৯,০১২")):
            page = Reader(site, language).get("/")
            board = re.search(r"<span class=\"board\"[^>]* aria-hidden=\"true\">(.*?)</span>\n", page)[1]
            assert "".join(re.findall("<b>(.*?)</b>", board)) == text
            assert f">{text}</output>" in page


def test_only_communities_with_public_numbers_are_listed_as_busy(site, cast):
    communities = {
        "Busy metro": cast.community(name="Busy metro", public_count=True),
        "Busier ferry": cast.community(name="Busier ferry", public_count=True),
        "Empty bus": cast.community(name="Empty bus", public_count=True),
        "Quiet people": cast.community(name="Quiet people"),
        "Hidden way": cast.community(name="Hidden way", listed=False, public_count=True),
    }
    arrivals = site.services[ArrivalCounter]
    for number, community in enumerate(communities.values(), 1):
        for online in range(1, number + 1):
            arrivals.record(Scope(community), Online(online, online))
    arrivals.record(Scope(communities["Empty bus"]), Online(9, 0))
    shown = words(Reader(site).get("/"))
    assert shown.index("Busier ferry 2 ") < shown.index("Busy metro 1 ")
    assert not any(name in shown for name in ("Empty bus", "Quiet people", "Hidden way"))


def test_the_home_page_shows_the_stats_without_a_database(site, monkeypatch):
    site.register()

    def away(*_: object) -> None:
        raise LedgerUnavailable

    monkeypatch.setattr(DaysByHour, "at", away)
    page = Reader(site).get("/")
    assert 'data-stat="totalVisits"' in page
    assert f">{site.stats()['totalVisits']}</output>" in page
    assert "data-day" not in page
