"""A community's conversions are counted by the first page that each visitor opened there."""

import pytest
from sqlalchemy.orm import Session
from support.application.site import Site, site_fixture
from support.people.accounts import sign_up
from support.people.communities import found
from support.people.page_readers import Reader, words

from koyjabo.base.core.extensions import db
from koyjabo.base.models import Scope
from koyjabo.reports import people_queries
from koyjabo.reports.people_queries import ConversionReport
from koyjabo.upkeep.retention.erasure import Erasure

FIRST, SECOND = "2025-12-16", "2025-12-17"
HOUR_MS = 3_600_000


site = site_fixture(RETENTION_DAYS=30)


@pytest.fixture
def metro(site) -> Scope:
    return Scope(found(sign_up(site))["id"])


def report(site: Site, scope: Scope, first: str, last: str) -> ConversionReport:
    with site.app.app_context(), Session(db.engine) as session:
        return people_queries.conversions_between(session, scope, first, last)


def pages(site: Site, scope: Scope, first: str, last: str) -> list[tuple[str | None, int]]:
    return [tuple(page) for page in report(site, scope, first, last).pages]


def open_and_sign_up(site: Site, scope: Scope, name: str, *opened: str | None) -> None:
    """Open pages an hour apart, and sign up."""
    for number, page in enumerate(opened):
        site.register(name, visitId=str(number), page=page, communityId=scope)
        site.time.pass_(hours=1)
    sign_up(site, name, visitorId=name)


def test_first_page_in_the_community_counts_also_when_its_visitor_is_erased(site, metro):
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


def test_range_is_of_the_days_of_first_visits(site, metro):
    site.register("karim", page="/fares", communityId=metro)
    site.time.go_to("2025-12-17T00:00:00+06:00")
    assert pages(site, metro, FIRST, FIRST) == []
    open_and_sign_up(site, metro, "karim", "/map")
    open_and_sign_up(site, metro, "salma", "/map")
    assert pages(site, metro, FIRST, FIRST) == [("/fares", 1)]
    assert pages(site, metro, SECOND, SECOND) == [("/map", 1)]
    assert pages(site, Scope("another"), FIRST, SECOND) == []


def test_share_is_of_the_people_whose_first_visit_opened_the_page(site, metro):
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


def test_rolled_up_days_show_a_minimum_of_conversions(site, metro):
    open_and_sign_up(site, metro, "karim", "/fares")
    site.time.pass_(days=31)
    open_and_sign_up(site, metro, "salma", "/fares")
    site.roll_up()
    page = words(Reader(site).log_in("ayesha").get(f"/communities/{metro}/reports?range=all"))
    assert "/fares 2 ≥ 1 –" in page
    assert "are rolled up, without the visitors who signed up later" in page
    assert "/fares 1 1 100%" in words(Reader(site).log_in("ayesha").get(f"/communities/{metro}/reports?range=7d"))
