"""The projection: nothing twice, nothing lost, and a recount finds what is wrong."""

from __future__ import annotations

import pytest
from support.application.site import Site, Time

from koyjabo.reports.projection import batch_queries
from koyjabo.reports.services import ReportServices

pytestmark = pytest.mark.both_kinds

HERE = "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11"
SUMS = """SELECT scope, dimension, period, value, visits, new_visitors, count, visitors
FROM insight_sums ORDER BY 1, 2, 3, 4"""
READ_AGAIN = "UPDATE watermarks SET version = 0 WHERE name = 'visits'"
FACTS = "SELECT visit_id, visitor, day, hour_s, scope, new_in FROM visit_facts ORDER BY 1"


@pytest.fixture
def site(database):
    time = Time.at("2025-10-08T10:30:00+06:00")
    with Site(database.url, time) as site:
        site.add_community(HERE)
        visit(site)
        yield site


def visit(site: Site, count: int = 12) -> None:
    for number in range(count):
        page, community = ("/", "/fares?utm_source=mail")[number % 2], {"communityId": HERE} if number % 3 else {}
        site.register(f"v{number % 5}", page=page, referrer="https://www.google.com/search", **community)


def projected(site: Site) -> tuple[list, list]:
    site.services[ReportServices].projection.catch_up()
    assert site.services[ReportServices].projection.behind() == 0
    assert site.recount() == []
    return site.rows(SUMS), site.rows(FACTS)


def test_what_is_projected_in_pieces_is_as_at_once(site):
    site.services[ReportServices].projection.catch_up()
    visit(site)
    pieces = projected(site)
    site.rows(READ_AGAIN)
    assert projected(site) == pieces


def test_of_two_workers_one_writes_a_batch(site):
    database, projection = site.services[ReportServices].reports._database, site.services[ReportServices].projection
    projection.catch_up()
    visit(site, 5)
    first, second = projection._prepared(), projection._prepared()
    assert [database.write(batch_queries.write, batch) for batch in (first, second)] == [True, False]
    projected(site)


def test_another_worker_waits_until_the_lease_is_free(site):
    with Site(site.database_url, site.time) as other:
        first, second = site.services[ReportServices].projection, other.services[ReportServices].projection
        assert first._is_leased()
        assert not second._is_leased()
        site.time.pass_(seconds=61)
        assert second._is_leased()


CHANGES = (
    "UPDATE insight_sums SET visits = visits + 1 WHERE dimension = 'page' AND scope = 'site' AND value = '/'",
    "UPDATE insight_sums SET visitors = 1 WHERE dimension = 'hour' AND scope <> 'site'",
    "DELETE FROM insight_sums WHERE dimension = 'source'",
    "UPDATE visit_facts SET new_in = 0 WHERE visit_id = 1",
    "DELETE FROM visit_facts WHERE visit_id = 3",
    "INSERT INTO visit_facts SELECT 400, visitor, day, hour_s, scope, new_in, traits_id, page_id, referrer_id "
    "FROM visit_facts WHERE visit_id = 1",
)


def test_recount_finds_each_change_and_reading_again_mends_it(site):
    right = projected(site)
    for change in CHANGES:
        site.rows(change)
        assert site.recount() != [], change
        site.rows(READ_AGAIN)
        assert projected(site) == right, change
