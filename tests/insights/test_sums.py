"""Answers from sums are those of rows, at every moment of the projection."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest
from support.app_fixtures import Site, Time

from koyjabo.insights.periods import GRANULARITIES
from koyjabo.insights.question import Question
from koyjabo.insights.ranges import compared
from koyjabo.insights.rows import answer_queries as rows
from koyjabo.insights.sums import answer_queries as sums
from koyjabo.insights.traits.parser import TraitParser
from koyjabo.models import SITE, Scope

pytestmark = pytest.mark.both_kinds

COMMUNITY = Scope("5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11")
FIRST, LAST = date(2025, 9, 28), date(2025, 10, 8)
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; rv:126.0) Gecko/20100101 Firefox/126.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Mobile/15E148 Safari/604.1",
)
PAGES = (None, "/", "/?utm_source=mail&utm_medium=letter", "/~odd", "~", "/fares")
REFERRERS = (None, "https://www.google.com/search", "https://m.facebook.com/", "~other")


@pytest.fixture(scope="module")
def site(module_database):
    time = Time()
    time.go_to(f"{FIRST}T00:10:00+06:00")
    with Site(module_database.url, time) as site:
        site.add_community(COMMUNITY)
        yield site


def visit(site: Site, chance: random.Random) -> None:
    fields = {"page": chance.choice(PAGES), "referrer": chance.choice(REFERRERS), "userAgent": chance.choice(AGENTS)}
    community = {"communityId": COMMUNITY} if chance.random() < 0.3 else {}
    headers = {"Accept-Language": chance.choice(("bn", "en-GB", ""))}
    body = {"visitorId": f"v{chance.randrange(25)}", **fields, **community}
    assert site.post(json={name: value for name, value in body.items() if value}, headers=headers).status_code == 200


def agree(site: Site, question: Question) -> None:
    """Both ways of answering give the same."""
    insights = site.services.insights.reports
    database, source, parser, clock = insights._database, insights._reader._source, TraitParser(), insights._clock
    other = compared(question, "previous", clock)
    asked = [("summary", other), ("summary", None), ("hours",)]
    asked += [("timeline", granularity) for granularity in GRANULARITIES]
    dimensions = [*sorted(sums.SUMMED), *(["community"] if question.scope == SITE else [])]
    asked += [("breakdown", dimension, 2, offset) for dimension in dimensions for offset in (0, 1)]
    for name, *args in asked:
        of_sums = database.report(getattr(sums, name), source, clock, question, *args)
        assert of_sums is not None, (name, args)
        assert of_sums == database.scan(getattr(rows, name), parser, clock, question, *args), (question, name, args)


@pytest.fixture(scope="module")
def visited(site):
    """Visits of some days, of which the projection has read all but the newest, in batches of all kinds."""
    chance = random.Random(11)
    while site.services.clock.today() < LAST.isoformat():
        for _ in range(chance.randrange(9)):
            visit(site, chance)
        site.time.pass_(minutes=chance.randrange(400))
        if chance.random() < 0.3:
            site.services.insights.projection.catch_up()
            assert site.services.insights.projection.behind() == 0
    site.services.insights.projection.catch_up()
    for _ in range(12):
        visit(site, chance)
        site.time.pass_(minutes=7)
    assert site.services.insights.projection.behind() == 12
    return site


@pytest.mark.parametrize("scope", [SITE, COMMUNITY])
@pytest.mark.parametrize(("first", "last"), [(FIRST, LAST), (LAST, LAST), (FIRST, FIRST), (FIRST, LAST - timedelta(2))])
def test_sums_answer_as_rows_do(visited, scope, first, last):
    agree(visited, Question(first.isoformat(), last.isoformat(), scope))


def test_sums_with_kept_days_see_each_new_visit(visited):
    chance = random.Random(12)
    question = Question(FIRST.isoformat(), LAST.isoformat())
    for _ in range(3):
        visit(visited, chance)
        agree(visited, question)
    visited.services.insights.projection.catch_up()
    agree(visited, question)
