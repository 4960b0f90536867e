"""Visitors of many visits are forgotten in pieces, whatever happens in between."""

from __future__ import annotations

from itertools import count

import pytest
from support.app_fixtures import Site, assert_error

from koyjabo.counting.records import NewVisit
from koyjabo.database import throttle
from koyjabo.errors import UnknownVisitor
from koyjabo.maintenance import erasure
from koyjabo.models import SITE, Scope

HERE = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"


@pytest.fixture
def site(database):
    with Site(database.url, STARTING_TOTAL=4000) as site:
        site.add_community(HERE)
        yield site


def old_names(site: Site) -> list[tuple[int, str]]:
    """Id and scope of the visits whose visitor has a name that it can have."""
    return site.rows("SELECT id, scope FROM visits WHERE visitor_id NOT LIKE '~%' ORDER BY id")


def forget(site: Site, visitor: str):
    return site.post("/api/visitor/forget", json={"visitorId": visitor})


@pytest.fixture
def small_pieces(monkeypatch):
    for name in ("FIRST", "FEWEST", "MOST"):
        monkeypatch.setattr(throttle, name, 3)


def many_visits(site: Site, count: int) -> None:
    for number in range(count):
        site.services.counting.visits.register(
            NewVisit("program", None, Scope(HERE if number % 2 else SITE), at_ms=site.time.ms)
        )


@pytest.mark.both_kinds
def test_visitor_of_many_visits_is_forgotten_in_pieces_until_it_is_done(site, small_pieces, monkeypatch):
    many_visits(site, 20)
    before = site.stats()
    monkeypatch.setattr(erasure, "PATIENCE_S", 0)
    answer = forget(site, "program")
    assert_error(answer, 503, "not_yet_forgotten")
    assert answer.headers["Retry-After"] == "1"
    assert len(old_names(site)) == 17
    assert site.recount() == []
    asked = 0
    while forget(site, "program").status_code == 503:
        asked += 1
        assert asked < 10
    assert old_names(site) == []
    assert site.rows("SELECT count(*), count(DISTINCT visitor_id) FROM visits") == [(20, 1)]
    assert site.rows("SELECT * FROM forgotten_visitors") == []
    assert site.recount() == []
    assert site.stats()["totalVisits"] == before["totalVisits"]


def test_forgetting_that_broke_off_goes_on_with_one_name_also_when_the_first_visit_is_folded(site, small_pieces):
    many_visits(site, 2)
    site.time.pass_(days=2)
    retention = site.services.maintenance.retention
    assert retention.prune(retention.past(1)).visits == 2
    many_visits(site, 12)

    def interrupted(visits: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        site.services.maintenance.erasure.forget("program", interrupted)
    assert site.recount() == []
    assert 0 < site.services.maintenance.erasure.count("program") < 12
    site.services.maintenance.erasure.forget("program")
    assert old_names(site) == []
    assert site.rows("SELECT count(*), count(DISTINCT visitor_id) FROM visits") == [(12, 1)]
    assert site.rows("SELECT count(*) FROM visitors GROUP BY scope") == [(1,), (1,)]
    assert site.rows("SELECT * FROM forgotten_visitors") == []
    assert site.recount() == []
    with pytest.raises(UnknownVisitor):
        site.services.maintenance.erasure.forget("program")


@pytest.mark.both_kinds
def test_visits_that_come_meanwhile_are_forgotten_too(site, small_pieces):
    """Each of a community in which they had never been."""
    many_visits(site, 8)
    coming = count(1)

    def register(visits: int) -> None:
        assert site.recount() == []
        community = f"{next(coming):08}{HERE[8:]}"
        site.add_community(community)
        site.services.counting.visits.register(NewVisit("program", None, Scope(community), at_ms=site.time.ms))

    site.services.maintenance.erasure.forget("program", register)
    ((last, scope),) = old_names(site)  # it came when all others were forgotten
    known = set(site.rows("SELECT scope, visitor_id, first_visit FROM visitors WHERE visitor_id NOT LIKE '~%'"))
    assert known == {(each, "program", last) for each in (SITE, scope)}
    assert site.recount() == []
