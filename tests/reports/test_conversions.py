"""Conversions of communities, and spellings of one page or source."""

import pytest
from sqlalchemy.orm import Session
from support.application.site import Site, site_fixture
from support.people.accounts import sign_up
from support.people.admins import panel
from support.people.communities import found
from support.people.page_readers import Reader, words

from koyjabo.base.core.extensions import db
from koyjabo.base.models import Scope
from koyjabo.columns.query.report_query import Filter, ReportQuery
from koyjabo.reports import conversion_queries
from koyjabo.reports.conversion_queries import ConversionReport
from koyjabo.upkeep.erasure.erasure import Erasure

FIRST, SECOND = "2025-12-16", "2025-12-17"
HOUR_MS = 3_600_000


site = site_fixture(RETENTION_DAYS=30)


@pytest.fixture
def metro(site) -> Scope:
    return Scope(found(sign_up(site))["id"])


def report(site: Site, scope: Scope, first: str, last: str) -> ConversionReport:
    with site.app.app_context(), Session(db.engine) as session:
        return conversion_queries.conversions_between(session, scope, first, last)


def open_and_sign_up(site: Site, scope: Scope, name: str, *opened: str | None) -> None:
    for number, page in enumerate(opened):
        site.register(name, visitId=str(number), page=page, communityId=scope)
        site.time.pass_(hours=1)
    sign_up(site, name, visitorId=name)


def test_a_conversion_belongs_to_the_first_page_in_the_community_even_after_an_erasure(site, metro):
    site.register("karim", visitId="elsewhere", page="/elsewhere")
    open_and_sign_up(site, metro, "karim", "/fares", "/map")
    open_and_sign_up(site, metro, "salma", "/fares")
    open_and_sign_up(site, metro, "rima", None)
    site.register("nobody", page="/fares", communityId=metro)
    conversions = report(site, metro, FIRST, FIRST)
    assert [tuple(page) for page in conversions.pages] == [("/fares", 2), (None, 1)]
    assert conversions.conversions == 3
    assert conversions.average_ms == 4 * HOUR_MS // 3
    site.services[Erasure].forget("karim")
    assert report(site, metro, FIRST, FIRST) == conversions


def test_the_share_of_a_page_is_of_the_people_whose_first_page_it_was(site, metro):
    """Earlier visitors, people who open the page later, and filters do not change it."""
    site.register("old", page="/map", communityId=metro)
    site.time.go_to("2025-12-17T09:00:00+06:00")
    for name in ("nodi", "rupa", "old", "old"):
        site.register(name, visitId=f"{name}{site.time.ms}", page="/fares", communityId=metro)
        site.time.pass_(minutes=1)
    site.register("nodi", visitId="again", page="/map", communityId=metro)
    open_and_sign_up(site, metro, "karim", "/fares", "/map")
    sign_up(site, "old", visitorId="old")
    ayesha, path = Reader(site).log_in("ayesha"), f"/communities/{metro}/reports"
    for query in (f"start={SECOND}&end={SECOND}", f"start={SECOND}&end={SECOND}&page=/nowhere"):
        page = words(ayesha.get(f"{path}?{query}"))
        assert "New visitors Signed up Share /fares 3 1 33.3% 17 Dec 2025" in page
    assert "/map 1 1 100%" in words(ayesha.get(f"{path}?start={FIRST}&end={FIRST}"))


BUS = "/%E0%A6%AC%E0%A6%BE%E0%A6%B8"
SPELLINGS = (BUS, BUS.lower(), "/বাস", "/~u", "/%7Eu")
IDN = "https://xn--54b7fta0cc.example/a"
TODAY, EARLIER = "2025-10-11", "2025-10-09"


spelled_site = site_fixture(f"{EARLIER}T10:30:00+06:00")


def open_all(spelled_site: Site) -> None:
    for number, page in enumerate(SPELLINGS):
        spelled_site.register(f"v{number}", page=page, referrer=IDN if number % 2 else "https://বাংলা.example/a")


def rows(spelled_site: Site, first: str = EARLIER, by: str = "page", **filters: str):
    query = ReportQuery(first, TODAY, filters={name: Filter(frozenset([value])) for name, value in filters.items()})
    breakdown = spelled_site.reports.breakdown(query, by)
    return [(row.value, row.label, row.sums.visits) for row in breakdown.rows]


EXPECTED = [(BUS, "/বাস", 3), ("/~u", "/~u", 2)]


def test_all_spellings_of_an_address_are_one_page_which_is_shown_decoded(spelled_site):
    open_all(spelled_site)
    assert (rows(spelled_site), rows(spelled_site, by="source")) == (EXPECTED, [("বাংলা.example", "বাংলা.example", 5)])
    admin = panel(spelled_site)
    for page in ("/বাস", BUS, BUS.lower()):
        for path in ("/admin/?range=7d&page=", "/admin/visits?page="):
            text = admin.get(path + page.replace("%", "%25"))
            assert text.count("/বাস") >= 2, "in the list and in the filter"
            assert f">{BUS}" not in text
        query = {"range": "7d", "by": "page", "page": page}
        filtered = admin.client.get("/api/reports/breakdown", query_string=query).json
        assert [row["visits"] for row in filtered["rows"]] == [3]
    assert admin.get("/admin/visits?source=xn--54b7fta0cc.example").count("বাংলা.example") >= 6
