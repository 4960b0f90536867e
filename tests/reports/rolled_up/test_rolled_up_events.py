"""Counts of events remain when their rows are removed: a rolled up day keeps the largest values, and the rest counts as
other.
"""

from collections import Counter
from dataclasses import replace

import pytest
from support.application.page_numbers import when_counted
from support.application.site import Site
from support.people.admins import panel
from support.people.page_readers import words

from koyjabo.base.database import executor
from koyjabo.reports.engine.results import FOLDED, FOLDED_EVENTS
from koyjabo.reports.query.report_query import DAY, HOUR, Filter, Question
from koyjabo.reports.rolled_up import day_sums
from koyjabo.upkeep.retention.retention import Retention

FIRST, SECOND, THIRD = "2025-12-16", "2025-12-17", "2025-12-18"
COMMUNITY = "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11"
WITHOUT_COUNTRY = {"country": Filter(frozenset([None]))}
NAMES = ["search"] * 4 + ["signup"] * 2 + ["bang", "boom"]
FROM = {"from": "home"}


@pytest.fixture
def site(database, monkeypatch):
    """A site where a rolled up day keeps two values, as in earlier versions also of pages."""
    monkeypatch.setattr(day_sums, "MAX_VALUES", 2)
    monkeypatch.setattr(day_sums, "PAGES", ())
    with Site(database.url, RETENTION_DAYS=1) as site:
        yield site


def send(site: Site, *events: dict, visitor: str = "ayesha") -> None:
    day = site.services.clock.today()
    sent = [{"id": f"{day}-{number}", **event} for number, event in enumerate(events)]
    answer = site.post("/api/events", json={"visitorId": visitor, "events": sent})
    assert answer.json["accepted"] == len(events), answer.text


def send_all(site: Site) -> None:
    """Send 8 events: 4 searches with 3 values of `to` and one without, and 4 page views."""
    searches = [{"to": "Mirpur", **FROM}, {"to": "Mirpur"}, {"to": "Uttara", **FROM}, {}]
    props = [*searches, {"plan": "~other"}, {"plan": "other"}, FROM, FROM]
    views = [{"name": "pageview", "page": page} for page in ("/", "/", "/a", "/b")]
    send(site, *({"name": name, "props": values} for name, values in zip(NAMES, props, strict=True)), *views)


def fold(site: Site) -> None:
    site.time.pass_(days=1)
    site.roll_up()


def sums(site: Site) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for scope, dimension, _, _, count in site.rows("SELECT * FROM event_sums WHERE period = '2025-12-16'"):
        assert scope == "site"
        counts[dimension] += count if dimension != "property" else 0
    return dict(counts)


def ask(site: Site, by: str, last: str = FIRST):
    breakdown = site.reports.breakdown(Question(FIRST, last), by)
    return (
        {row.value: (row.sums.count, row.at_least) for row in breakdown.rows},
        breakdown.other.count,
        breakdown.total.count,
    )


@pytest.mark.both_kinds
def test_rolled_up_day_keeps_the_largest_values_and_every_count_of_events(site):
    send_all(site)
    site.time.pass_(days=1)
    send_all(site)
    fold(site)
    assert site.rows("SELECT DISTINCT day FROM events") == [(SECOND,)]
    after = sums(site)
    assert {name: after[name] for name in ("event", "viewed_page")} == {"event": 8, "viewed_page": 4}
    assert after["event:~other"] == 2 + 2  # `plan` of signup, and `from` of bang and boom
    assert ask(site, "event") == ({"search": (4, False), "signup": (2, False)}, 2, 8)
    assert ask(site, "viewed_page") == ({"/": (2, False), "/a": (1, False)}, 1, 4)
    assert ask(site, "event", SECOND)[1:] == (0 + 2, 16)
    assert ask(site, "event", SECOND)[0]["bang"] == (1, True)
    figures = site.reports.summary(Question(FIRST, SECOND)).figures
    assert (figures.page_views, figures.events) == (8, 16)


@pytest.mark.both_kinds
def test_first_pages_of_visits_are_views_of_a_rolled_up_day(site):
    for number, page in enumerate(("/", "/", "/a", "/a", "/b", None)):
        site.register(f"v{number}", page=page)
    send(site, {"name": "pageview", "page": "/a"}, visitor="v0")
    site.time.pass_(days=1)
    fold(site)
    assert ask(site, "viewed_page") == ({"/a": (3, False), "/": (2, False)}, 1, 6)
    site.register("v0", page="/b")
    assert ask(site, "viewed_page", THIRD) == ({"/a": (3, False), "/": (2, False), "/b": (1, True)}, 1, 7)


@pytest.mark.both_kinds
def test_rolled_up_days_keep_the_views_of_every_page(database, monkeypatch):
    monkeypatch.setattr(day_sums, "MAX_VALUES", 2)
    with Site(database.url, RETENTION_DAYS=1, PAGE_NUMBERS="*") as site:
        for number, page in enumerate(("/", "/", "/a", "/b", "/c")):
            site.register(f"v{number}", page=page, referrer=f"https://{number}.example/")
        send(site, {"name": "pageview", "page": "/c"}, visitor="v0")
        site.time.pass_(days=1)
        fold(site)
        assert site.rows("SELECT count(*) FROM visits") == [(0,)]
        assert len(site.reports.breakdown(Question(FIRST, FIRST), "source").rows) == 2, "of other values, the largest"
        site.register("v9", page="/b")
        views = {"/": 2, "/a": 1, "/b": 2, "/c": 2}
        assert ask(site, "viewed_page", THIRD) == ({page: (count, False) for page, count in views.items()}, 0, 7)
        url = "/api/pages?" + "&".join(f"path={page}" for page in views)
        assert {page["path"]: page["views"] for page in when_counted(site, url).json["pages"]} == views
        shown = words(panel(site).get("/admin/?range=all&tabs=viewed_page"))
        assert all(f"{page} {count}" in shown for page, count in views.items())


def test_views_are_unknown_on_days_that_were_rolled_up_before_sums_existed(site):
    site.register("ayesha", page="/")
    site.time.pass_(days=1)
    fold(site)
    site.rows("DELETE FROM insight_sums")
    site.register("babul", page="/a")
    assert ask(site, "viewed_page", THIRD) == ({"/a": (1, True)}, None, None)


@pytest.mark.both_kinds
def test_properties_that_a_day_has_lost_are_not_called_unrecorded(site):
    send_all(site)
    site.time.pass_(days=1)
    fold(site)
    assert set(sums(site)) >= {"event:search:to", "event:search:from", "event:~other"}
    assert ask(site, "event:search:to") == ({"Mirpur": (2, False), "Uttara": (1, False), None: (1, False)}, 0, 4)
    assert ask(site, "event:signup:plan") == ({}, 2, 2)
    assert ask(site, "event:bang:from") == ({}, 0, 0)


@pytest.mark.both_kinds
@pytest.mark.parametrize("transactions", [1, 2])
def test_interrupted_roll_up_counts_no_event_twice(site, monkeypatch, transactions):
    for limit in ("FIRST", "FEWEST", "MOST"):
        monkeypatch.setattr(executor, limit, 2)
    send_all(site)
    site.time.pass_(days=2)
    left, retention = iter(range(transactions)), site.services[Retention]

    def advance(rows: int) -> None:
        if next(left, None) is None:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        retention.prune(retention.past(), advance)
    for _ in range(2):
        assert ask(site, "event") == ({"search": (4, False), "signup": (2, False)}, 2, 8)
        assert ask(site, "viewed_page") == ({"/": (2, False), "/a": (1, False)}, 1, 4)
        retention.prune(retention.past())
    assert site.rows("SELECT count(*) FROM events") == [(0,)]


def test_filtered_events_of_rolled_up_visits_are_unknown_and_not_missing(site):
    site.register("ayesha", page="/")
    site.time.pass_(days=1)
    site.add_community(COMMUNITY)
    site.register("babul", page="/a", communityId=COMMUNITY)
    send(site, {"name": "search"}, {"name": "pageview", "page": "/"})
    site.time.pass_(hours=2)
    send(site, {"name": "search"}, {"name": "pageview", "page": "/a"}, visitor="babul")
    insights = site.reports
    asked = Question(SECOND, SECOND, filters=WITHOUT_COUNTRY)
    assert insights.summary(asked).figures[2:8] == (1, 1, 1, 0, 3, 2)
    assert insights.summary(asked).exact
    fold(site)
    elsewhere = insights.summary(replace(asked, scope=COMMUNITY))
    assert (elsewhere.figures[2:8], elsewhere.exact) == ((1, 1, 1, 0, 2, 1), True)
    summary = insights.summary(asked)
    assert summary.figures[2:8] == (1, 1, 1, 0, None, None)
    assert summary.reason == FOLDED_EVENTS
    assert insights.breakdown(asked, "event").reason == FOLDED_EVENTS
    assert [period.page_views for period in insights.timeline(asked, DAY)] == [None]
    hours = [period.page_views for period in insights.timeline(asked, HOUR) if period.page_views != 0]
    assert hours == [None, 1]
    assert insights.summary(Question(SECOND, SECOND)).figures[2:8] == (1, 1, 1, 0, 3, 2)
    assert insights.summary(Question(FIRST, SECOND, filters=asked.filters)).reason == FOLDED


def test_filtered_page_views_are_unknown_if_first_pages_are(site):
    for number in range(3):
        site.register(f"v{number}", page="/")
    site.time.pass_(days=1)
    fold(site)
    for number in range(5):
        site.register(f"v{number}", page="/a")
    send(site, {"name": "pageview", "page": "/a"}, visitor="v0")
    landed = {"page": Filter(frozenset(["/a"]))}
    for filters, rows in ((WITHOUT_COUNTRY, {}), ({**landed, **WITHOUT_COUNTRY}, {}), (landed, {"/a": 6})):
        views = site.reports.breakdown(Question(FIRST, THIRD, filters=filters), "viewed_page")
        assert {row.value: row.sums.count for row in views.rows} == rows
        assert (views.total.count, views.other.count, views.reason) == (None, None, FOLDED)
