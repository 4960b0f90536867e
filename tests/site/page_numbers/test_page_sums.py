"""The sums of pages follow the log, and agree with the report of all time after any history."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from random import Random

import pytest
from sqlalchemy.orm import Session
from support.application.page_numbers import when_counted
from support.application.site import Site, Time

from koyjabo.base.core.extensions import db
from koyjabo.site.page_numbers import page_queries
from koyjabo.site.page_numbers.page_totals import PageTotals
from koyjabo.upkeep.recounts.recounts import Recounts

PAGES = ("/", "/a", "/b", "/%E0%A6%95")
STEPS = 60


def counts(site: Site) -> tuple[dict[str, tuple[int, int]], int]:
    """The views of PAGES, since the beginning and today, and their revision. Waits until the sums are ready."""
    response = when_counted(site, "/api/pages", *PAGES)
    assert response.status_code == 200, response.text
    pages = {page["path"]: (page["views"], page["today"]) for page in response.json["pages"]}
    return pages, response.json["revision"]


class History:
    """Visits, page views, retries, reductions, erasures and restarts in any order, on two servers with one database."""

    def __init__(self, url: str, random: Random) -> None:
        self.random = random
        self.time = Time.at("2025-12-16T22:00:00+06:00")
        self.sites = [Site(url, self.time, PAGE_NUMBERS="*", RETENTION_DAYS=1) for _ in range(2)]
        self.views: Counter[str] = Counter()
        self.today: Counter[str] = Counter()
        self.sent = self.revision = 0

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        for site in self.sites:
            site.__exit__()

    def step(self) -> None:
        steps = {self.visit: 5, self.view: 5, self.fold: 3, self.wait: 3, self.reduce: 2}
        steps |= {self.erase: 1, self.begin_again: 1, self.restart: 1}
        self.random.choices([*steps], [*steps.values()])[0](self.random.choice(self.sites))
        self.check()

    def check(self) -> None:
        expected = {page: (self.views[page], self.today[page]) for page in PAGES}
        for site in self.sites:
            numbers, revision = counts(site)
            assert numbers == expected
            assert revision >= self.revision
            self.revision = revision

    def visit(self, site: Site) -> None:
        visitor, page = self._view()
        receipts = [site.register(visitor, page=page, visitId=f"v{self.sent}") for _ in range(2)]
        assert [receipt.duplicate for receipt in receipts] == [False, True]

    def view(self, site: Site) -> None:
        visitor, page = self._view()
        event = {"id": f"e{self.sent}", "name": "pageview", "page": page}
        for is_new in (1, 0):
            recorded = site.post("/api/events", json={"visitorId": visitor, "events": [event]})
            assert recorded.json["accepted"] == is_new

    def _view(self) -> tuple[str, str]:
        page = self.random.choice(PAGES)
        self.sent += 1
        self.views[page] += 1
        self.today[page] += 1
        return self.random.choice(("v1", "v2")), page

    def fold(self, site: Site) -> None:
        with site.app.app_context(), db.engine.connect() as connection, Session(connection) as session:
            while page_queries.move_views(session):
                session.commit()
            session.commit()

    def wait(self, site: Site) -> None:
        day = site.services.clock.today()
        self.time.pass_(hours=self.random.choice((1, 24, 72)))
        if site.services.clock.today() != day:
            self.today.clear()

    def reduce(self, site: Site) -> None:
        site.reduce()

    def erase(self, site: Site) -> None:
        site.forget(self.random.choice(("v1", "v2")))

    def begin_again(self, site: Site) -> None:
        site.services[PageTotals].begin_again()

    def restart(self, site: Site) -> None:
        site.restart()


@pytest.mark.both_kinds
def test_a_rolled_back_database_shows_the_remaining_views(database):
    with Site(database.url, PAGE_NUMBERS="*") as site:
        site.register("v", page="/a")
        remembered = database.remember()
        assert counts(site)[0]["/a"] == (1, 1)
        for _ in range(2):
            site.register("v", page="/a")
        assert counts(site)[0]["/a"] == (3, 3)
        epoch = site.stats()["epoch"]
        database.go_back(remembered)
        for _ in range(3):  # more than were lost
            site.register("v", page="/b")
        assert counts(site)[0] == {**dict.fromkeys(PAGES, (0, 0)), "/a": (1, 1), "/b": (3, 3)}
        assert site.client.get("/api/pages?path=/a").json["epoch"] > epoch


def test_a_recount_finds_and_repairs_wrong_sums_of_pages(database):
    with Site(database.url, PAGE_NUMBERS="*") as site:
        site.register("v", page="/a"), site.register("v", page="/b")
        assert counts(site)[0]["/a"] == (1, 1)
        site.rows("INSERT INTO page_sums (page, views, day, day_views) VALUES ('/a', 5, '', 0)")
        assert site.recount() == ["page_sums: /a has 6 views instead of 1"]
        with site.app.app_context():
            repaired, left = site.services[Recounts].repair(lambda rows, label: nullcontext(lambda done: None))
        assert (repaired, left) == (["page_sums: /a has 6 views instead of 1"], [])
        assert counts(site)[0]["/a"] == (1, 1)


@pytest.mark.both_kinds
def test_the_numbers_are_exact_after_any_history(database, monkeypatch):
    monkeypatch.setattr(page_queries, "ROWS_PER_MOVE", 2)
    with History(database.url, Random(2)) as history:
        for _ in range(STEPS):
            history.step()
        report = history.sites[0].services[PageTotals].read()
        assert dict(report.views) == +history.views
        assert history.sites[0].recount() == []
