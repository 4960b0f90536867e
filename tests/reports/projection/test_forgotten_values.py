"""What a visitor has left in tables of reports goes with the visitor, whenever it is asked for, and every sum stays."""

from __future__ import annotations

import pytest
from support.application.site import Site, Time

from koyjabo.reports.projection import folding_queries
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.services import ReportServices
from koyjabo.retention.retention import Retention

SECRET = "https://mail.example.net/inbox/ayesha"
PAGE = "/a?utm_source=news&utm_medium=mail&utm_campaign=eid&utm_term=ayesha&utm_content=a%40example.net"
DAY = "2025-12-16"
WHERE = (
    ("addresses", "text", "%ayesha%"),
    ("traits", "utm_term", "ayesha"),
    ("traits", "utm_content", "a@%"),
    ("insight_sums", "value", "%ayesha%"),
    ("insight_sums", "value", "a@%"),
    ("visits", "campaign", "%ayesha%"),
    ("visits", "referrer", "%ayesha%"),
)


@pytest.fixture
def site(database):
    with Site(database.url, Time(), RETENTION_DAYS=1) as site:
        site.register("ayesha", page=PAGE, referrer=SECRET)
        site.register("ayesha", page="/b?utm_term=ayesha")
        site.register("babul", page="/a", referrer="https://mail.example.net/")
        yield site


def forget(site: Site) -> None:
    assert site.post("/api/visitor/forget", json={"visitorId": "ayesha"}).status_code == 204


def traces(site: Site) -> list[str]:
    found = [
        (table, site.rows(f"SELECT {column} FROM {table} WHERE {column} LIKE '{like}'"))
        for table, column, like in WHERE
    ]
    return [f"{table}: {rows}" for table, rows in found if rows]


def values(site: Site, dimension: str) -> dict:
    found = site.services[ReportServices].reports.breakdown(Question(DAY, DAY), dimension)
    return {row.value: row.sums.visits for row in found.rows}


@pytest.mark.both_kinds
def test_terms_contents_and_paths_go_and_campaigns_stay(site):
    site.services[ReportServices].projection.catch_up()
    assert len(traces(site)) == len(WHERE)
    site.rows("UPDATE insight_sums SET visits = 7 WHERE dimension = 'referrer' AND value LIKE '%ayesha%'")
    assert site.recount() == [f"insight_sums: site referrer {DAY}: 1 sums are not what the visits give"]  # no address
    site.rows("UPDATE insight_sums SET visits = 1 WHERE dimension = 'referrer' AND value LIKE '%ayesha%'")
    forget(site)
    site.services[ReportServices].projection.catch_up()
    site.services[Retention].sweep_values()
    assert traces(site) == []
    assert values(site, "utm_term") == values(site, "utm_content") == {None: 3}
    assert values(site, "utm_campaign") == {"eid": 1, None: 2}
    assert values(site, "channel") == {"campaign": 2, "referral": 1}
    assert values(site, "referrer") == {"https://mail.example.net": 1, "https://mail.example.net/": 1, None: 1}
    assert site.recount() == []


@pytest.mark.parametrize("when", ["before people are left out", "after it"])
def test_a_visitor_may_be_forgotten_in_the_middle_of_a_fold(site, monkeypatch, when):
    retention = site.services[Retention]
    site.services[ReportServices].projection.catch_up()
    site.time.pass_(days=2)
    if when == "after it":
        site.services[ReportServices].projection.leave_people_out(retention.past().first_kept)
        site.rows("INSERT INTO nightly_work (name, day, worker, seen_ms) VALUES ('folded', '2025-12-17', '', 0)")
        forget(site)
    else:
        read, asked = retention._database.long_read, []

        def long_read(operation, *args):
            found = read(operation, *args)
            if operation is folding_queries.with_people and not asked:
                asked.append(1)
                forget(site)
            return found

        monkeypatch.setattr(retention._database, "long_read", long_read)
    retention.prune(retention.past())
    retention.sweep_values()
    assert traces(site) == []
    assert values(site, "utm_term") == {None: 3}
    assert values(site, "utm_campaign") == {"eid": 1, None: 2}
    assert site.rows("SELECT count(*) FROM addresses") == site.rows("SELECT count(*) FROM traits") == [(0,)]


@pytest.mark.both_kinds
def test_only_unused_values_are_swept_and_not_those_of_newer_visits(site, monkeypatch):
    site.services[ReportServices].projection.catch_up()
    before = site.rows("SELECT count(*) FROM addresses")
    site.services[Retention].sweep_values()
    assert site.rows("SELECT count(*) FROM addresses") == before
    site.time.pass_(days=2)
    retention = site.services[Retention]
    retention.prune(retention.past())
    read = retention._database.long_read

    def beside(operation, *args):
        found = read(operation, *args)
        if len(args) == 1:
            site.register("chandni", page="/a")
            site.services[ReportServices].projection.catch_up()
        return found

    monkeypatch.setattr(retention._database, "long_read", beside)
    retention.sweep_values()
    assert site.rows("SELECT text FROM addresses") == [("/a",)]
    assert site.recount() == []
