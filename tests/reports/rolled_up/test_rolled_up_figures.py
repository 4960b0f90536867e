"""Every figure of every report, before and after days are rolled up."""

from collections.abc import Sequence
from itertools import product

import pytest
from support.application.site import Site, Time
from support.assertions.rolled_up import all_figures, assert_kept, assert_known

from koyjabo.base.models import SITE, Scope
from koyjabo.counting.records import NewVisit
from koyjabo.counting.services import CountingServices
from koyjabo.reports.query.report_query import IS_ATTENDED, Filter, Filters, Question
from koyjabo.reports.rolled_up import day_sums

FIRST, SECOND, LAST = "2025-10-07", "2025-10-08", "2025-10-09"
COMMUNITY = Scope("5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11")
PHONE = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Mobile Safari/537.36"
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
PAGES = ("/", "/", "/a", None, "/", "/b", "/c", "/a")
CAMPAIGN = "utm_source=poster&utm_medium=print&utm_campaign=eid&utm_term=bus&utm_content=red"


def only(*values: str | None) -> Filter:
    return Filter(frozenset(values))


FILTERS = (
    {"page": only("/")},
    {"device": only("phone")},
    {"viewed_page": only("/a")},
    {"event": only("search")},
    {"page": Filter(none_of=frozenset(["/"]))},
    {"page": only("/", "/a"), "device": only("phone")},
    {"attended": IS_ATTENDED},
)


@pytest.fixture
def site(database):
    """Three days with visits, page views and events on the site and in a community."""
    with Site(database.url, Time.at(f"{FIRST}T06:00:00+06:00")) as site:
        site.add_community(COMMUNITY)
        for day in range(3):
            for number in range(12):
                register(site, 12 * day + number)
                site.time.pass_(hours=1)
            site.time.pass_(hours=12)
        site.time.go_to(f"{LAST}T09:30:00+06:00")
        yield site


def register(site: Site, number: int) -> None:
    """Count a visit, and after every second one a page view and a search."""
    visit = NewVisit(
        f"v{number % 7}",
        None,
        COMMUNITY if number % 3 == 0 else SITE,
        ("Unknown", "Bangladesh", "Dhaka, BD")[number % 3],
        site.time(),
        referrer=(None, "https://www.google.com/", "https://m.facebook.com/groups")[number % 3],
        user_agent=(PHONE, DESKTOP, None)[number % 3],
        page=PAGES[number % len(PAGES)],
        is_bot=number % 11 == 0,
        language=("bn", None)[number % 2],
        campaign=CAMPAIGN if number % 5 == 0 else None,
        attended_ms=(None, 0, 4_000, 400_000)[number % 4],
        acted=number % 4 == 3,
        network=(None, "datacentre", "other")[number % 3],
        own=number % 6 == 0,
    )
    site.services[CountingServices].visits.register(visit)
    if number % 2:
        view = {"id": f"view-{number}", "name": "pageview", "page": PAGES[number * 3 % len(PAGES)]}
        search = {"id": f"search-{number}", "name": "search", "props": {"to": f"stop {number % 5}"}}
        sent = {"visitorId": visit.visitor_id, "events": [view, search]}
        assert site.post("/api/events", json=sent).json["accepted"] == 2


def questions(site: Site, filtered: Sequence[Filters]) -> tuple[list[Question], list[Question]]:
    """Questions without filters about whole days, and others."""
    reports, scopes = site.reports, (SITE, COMMUNITY)
    ranges = ((FIRST, FIRST), (FIRST, SECOND), (SECOND, LAST), (FIRST, LAST))
    whole = [Question(*range_, scope) for range_, scope in product(ranges, scopes)]
    cut = [reports.compared(Question(LAST, LAST, scope), "previous") for scope in scopes]
    return whole, [*cut, *(question.within(filters) for question in whole[:4] + cut for filters in filtered)]


def assert_pruning_keeps_figures(site: Site, filters: Sequence[Filters]) -> None:
    whole, others = questions(site, filters)
    before = {question: all_figures(site.reports, question) for question in whole + others}
    assert site.roll_up(0).visits == 24
    assert site.rows("SELECT DISTINCT day FROM visits") == [(LAST,)]
    for question, figures in before.items():
        assert_kept(figures, all_figures(site.reports, question))
    for question in whole:
        assert_known(all_figures(site.reports, question))


def test_a_rolled_up_day_has_the_same_figures_in_every_report(site):
    assert_pruning_keeps_figures(site, FILTERS)


def test_figures_stay_where_a_rolled_up_day_keeps_only_its_largest_values(site, monkeypatch):
    monkeypatch.setattr(day_sums, "MAX_VALUES", 2)  # a real limit always keeps all values of `attended`
    assert_pruning_keeps_figures(site, FILTERS[:-1])
