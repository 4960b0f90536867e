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

CLOCK = Clock(ZoneInfo("Asia/Dhaka"), now_ms=Time(SPEC_MOMENT))  # a Tuesday, 10:48


PACES = [
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


def test_pace_is_predicted_from_the_last_seven_days(site):
    with site.app.test_request_context("/", headers={"Accept-Language": "en"}):
        assert [(visits, days, at_this_pace(visits, days, CLOCK)) for visits, days, _ in PACES] == PACES
    with site.app.test_request_context("/", headers={"Accept-Language": "bn"}):
        assert "শুক্রবার" in at_this_pace(300, [100] * 7, CLOCK)


NAME = re.compile(r'<h2 id="(?:totalVisits|todayVisits|activeUsers|uniqueVisitors)-label".*?>(.+?)</h2>')
WORDS = {
    "en": ("Global Stats", "Total Visits", "Today", "Active now", "Unique visitors"),
    "bn": ("সামগ্রিক পরিসংখ্যান", "মোট ভিজিট", "আজ", "এখন সক্রিয়", "আলাদা ভিজিটর"),
}


def test_page_says_the_words_of_the_contract_in_their_order(site):
    """The heading and the names of the four numbers come from the original app."""
    for language, (heading, *names) in WORDS.items():
        page = Reader(site, language).get("/")
        assert f"<h1>{heading}</h1>" in page
        assert NAME.findall(page) == names


def test_empty_site_has_its_number_and_a_way_to_the_first_milestone(sqlite_database):
    with Site(sqlite_database.url) as site:
        page = words(Reader(site).get("/"))
    assert "Total Visits 0" in page
    assert "Today by hour This hour 0 100 more to 100" in page.replace(" Unique visitors 0", "")
    assert "No one is active now." in page
    assert "Busy communities" not in page


def test_disc_is_open_for_a_minute_after_a_milestone(sqlite_database):
    with Site(sqlite_database.url, STARTING_TOTAL=98, MILESTONES="100,102") as site:
        reader, opened = Reader(site), "data-reached><p><strong>{}</strong> visits, just now!</p>"
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


def test_number_is_a_board_that_screen_readers_do_not_hear(sqlite_database):
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
    assert "Busy communities Busier ferry 2 online Busy metro 1 online" in shown
    assert not any(name in shown for name in ("Empty bus", "Quiet people", "Hidden way"))


def test_page_without_a_database_that_answers_shows_the_stats(site, monkeypatch):
    site.register()

    def away(*_: object) -> None:
        raise LedgerUnavailable

    monkeypatch.setattr(DaysByHour, "at", away)
    page = Reader(site).get("/")
    assert f"Total Visits {site.stats()['totalVisits']}" in words(page)
    assert "data-day" not in page
    assert "Yesterday" not in words(page)
