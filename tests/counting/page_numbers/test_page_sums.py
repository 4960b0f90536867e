"""The sums of pages follow the log, and agree with the report of all time whatever happens to the log."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy.orm import Session
from support.application.site import Site, Time
from support.models.state_machines import new_urls, play

from koyjabo.base.core.extensions import db
from koyjabo.counting.page_numbers import page_queries
from koyjabo.reports.page_totals import PageTotals

PAGES = ("/", "/a", "/b", "/%E0%A6%95")
VISITORS = ("v1", "v2")


def counts(site: Site) -> tuple[dict[str, tuple[int, int]], int]:
    """The views of PAGES, since the beginning and today, and their revision. Waits until the sums are ready."""
    query = [("path", page) for page in PAGES]
    while (response := site.client.get("/api/pages", query_string=query)).status_code == 503:
        site.services[PageTotals].tick()
    assert response.status_code == 200, response.text
    pages = {page["path"]: (page["views"], page["today"]) for page in response.json["pages"]}
    return pages, response.json["revision"]


def folded(site: Site) -> bool:
    """Move some views from the rows into the sums. Returns whether there are more."""
    with site.app.app_context(), db.engine.connect() as connection, Session(connection) as session, session.begin():
        return page_queries.fold(session)


class Histories(RuleBasedStateMachine):
    """Any order of visits, page views, retries, roll-ups, erasures and restarts. Two applications share the database."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.time = Time.at("2025-12-16T22:00:00+06:00")
        settings = {"PAGE_NUMBERS": "*", "RETENTION_DAYS": 1}
        self.sites = [Site(url, self.time, **settings) for _ in range(2)]
        self.views: Counter[str] = Counter()
        self.today: Counter[str] = Counter()
        self.visits = 0
        self.revision = 0

    def teardown(self) -> None:
        report = self.sites[0].services[PageTotals].read()
        assert dict(report.views) == +self.views
        assert self.sites[0].recount() == []
        for site in self.sites:
            site.__exit__()

    def count(self, page: str) -> None:
        self.views[page] += 1
        self.today[page] += 1

    @rule(site=st.integers(0, 1), visitor=st.sampled_from(VISITORS), page=st.sampled_from(PAGES))
    def visit(self, site, visitor, page):
        self.sent.append({"visitorId": visitor, "page": page, "visitId": f"n{len(self.sent)}"})
        assert (
            not self.sites[site]
            .register(visitor, **{k: v for k, v in self.sent[-1].items() if k != "visitorId"})
            .duplicate
        )
        self.count(page)

    @rule(
        site=st.integers(0, 1), visitor=st.sampled_from(VISITORS), page=st.sampled_from(PAGES), times=st.integers(1, 3)
    )
    def view(self, site, visitor, page, times):
        event = {"id": f"e{sum(self.views.values())}", "name": "pageview", "page": page}
        for _ in range(times):  # the later ones are retries
            response = self.sites[site].post("/api/events", json={"visitorId": visitor, "events": [event]})
            assert response.status_code == 200
        self.count(page)

    @rule(site=st.integers(0, 1))
    def fold(self, site):
        while folded(self.sites[site]):
            pass

    @rule(site=st.integers(0, 1))
    def begin_again(self, site):
        self.sites[site].services[PageTotals].begin_again()

    @rule(hours=st.sampled_from((1, 24, 72)))
    def wait(self, hours):
        day = self.sites[0].services.clock.today()
        self.time.pass_(hours=hours)
        if self.sites[0].services.clock.today() != day:
            self.today.clear()

    @rule(site=st.integers(0, 1))
    def roll_up(self, site):
        self.sites[site].roll_up()

    @rule(site=st.integers(0, 1), visitor=st.sampled_from(VISITORS))
    def erase(self, site, visitor):
        self.sites[site].forget(visitor)

    @rule(site=st.integers(0, 1))
    def restart(self, site):
        self.sites[site].restart()

    @invariant()
    def every_number_is_exact(self):
        expected = {page: (self.views[page], self.today[page]) for page in PAGES}
        for site in self.sites:
            numbers, revision = counts(site)
            assert numbers == expected
            assert revision >= self.revision
            self.revision = revision


@pytest.mark.both_kinds
def test_numbers_are_exact_after_any_history(database_kind, tmp_path, request, monkeypatch):
    monkeypatch.setattr(page_queries, "AT_ONCE", 2)
    url = new_urls(database_kind, tmp_path, lambda: request.getfixturevalue("postgres"))
    play(lambda: Histories(url()), times=6, steps=30)
