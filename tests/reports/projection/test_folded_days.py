"""A folded day keeps how many visitors it had and the largest values of each dimension, and no visitor."""

from __future__ import annotations

import csv
import io
import re

import pytest
from support.application.site import Site, Time
from support.people.accounts import promote, sign_up
from support.people.admins import panel
from support.people.page_readers import words
from support.people.share_links import share
from support.sites.full_site import bring, rebuild

from koyjabo.core.errors import NotYetForgotten
from koyjabo.database import throttle
from koyjabo.reports.engine.answers import FOLDED, FOLDED_VALUE
from koyjabo.reports.projection import clearing_queries, folding_queries, recount_queries
from koyjabo.reports.projection.clearing_queries import BEGINNING
from koyjabo.reports.query.report_query import Filter, Question
from koyjabo.reports.services import ReportServices
from koyjabo.retention.erasure import Erasure
from koyjabo.retention.retention import Retention

FOLDED_AND_NOT = "2025-10-08", "2025-10-09"
PAGES = ("/", "/", "/", "/a", "/a", "/b", "/c")
SUMS = """SELECT scope, dimension, period, value, visits, new_visitors, count, visitors
FROM insight_sums ORDER BY 1, 2, 3, 4"""


@pytest.fixture
def unfolded(database, monkeypatch):
    """Two days of visits; a folded day keeps two values, and each transaction folds two rows."""
    monkeypatch.setattr(folding_queries, "MOST_VALUES", 2)
    for limit in ("FIRST", "FEWEST", "MOST"):
        monkeypatch.setattr(throttle, limit, 2)
    time = Time.at("2025-10-08T10:30:00+06:00")
    with Site(database.url, time, RETENTION_DAYS=1) as site:
        for day in range(2):
            for number, page in enumerate(PAGES):
                site.register(f"v{number % 3 + day}", page=page)
            time.pass_(days=1)
        yield site


@pytest.fixture
def site(unfolded):
    """The first day is folded."""
    assert prune(unfolded) == len(PAGES)
    assert unfolded.recount() == []
    return unfolded


def prune(site: Site, transactions: int = 1000) -> int:
    """Fold what is to be folded, or be interrupted after so many transactions."""
    left = iter(range(transactions))

    def advance(ids: int) -> None:
        if next(left, None) is None:
            raise InterruptedError

    retention = site.services[Retention]
    return retention.prune(retention.past(), advance).visits


def ask(site: Site, first: str, last: str, by: str = "page"):
    question = Question(first, last)
    return site.services[ReportServices].reports.summary(question), site.services[ReportServices].reports.breakdown(
        question, by, 10
    )


@pytest.mark.both_kinds
def test_a_folded_day_has_its_visitors_and_its_largest_values(site):
    assert check_first_day(site) == 2
    check_second_day(site)
    assert site.rows("SELECT count(*) FROM visit_facts WHERE day = 20369") == [(0,)]


def check_first_day(site: Site) -> int:
    """Returns how many values of the day there are still."""
    summary, pages = ask(site, "2025-10-08", "2025-10-08")
    assert summary.figures[2:7] == (7, 3, 3, 0, 7)
    assert [(row.value, row.sums.visits, row.sums.visitors, row.at_least) for row in pages.rows[:2]] == [
        ("/", 3, 3, False),
        ("/a", 2, 2, False),
    ]
    assert (pages.total.visits, pages.total.visitors) == (7, 3)
    assert sum(row.sums.visits for row in pages.rows) + pages.other.visits == 7
    return len(pages.rows)


def check_second_day(site: Site) -> None:
    """It has all its rows."""
    summary, pages = ask(site, "2025-10-09", "2025-10-10")
    assert (summary.figures.visitors, summary.reason, len(pages.rows)) == (3, None, 4)


def test_visitors_of_several_days_are_unknown_when_one_is_folded(site):
    summary, pages = ask(site, "2025-10-08", "2025-10-09")
    assert summary.figures[2:7] == (14, None, 4, None, 14)
    assert summary.reason
    rows = {row.value: (row.sums.visits, row.sums.visitors, row.at_least) for row in pages.rows}
    assert rows == {"/": (6, None, False), "/a": (4, None, False), "/b": (1, 1, True), "/c": (1, 1, True)}
    assert (pages.other.visits, pages.other.visitors) == (2, None)


@pytest.mark.both_kinds
def test_a_filter_by_one_value_has_the_visits_of_folded_days(site):
    """The first day is folded; the last visit came to it after its sums had been read."""
    site.time.put_right(days=-2)
    site.register("late", page="/")
    site.time.pass_(days=2)
    reports = site.services[ReportServices].reports
    for _ in range(2):
        asked = of_page("/")
        summary, pages = reports.summary(asked, "previous"), reports.breakdown(asked, "page")
        assert (summary.figures[2:7], summary.compared.visits, summary.reason) == ((7, *[None] * 4), 0, FOLDED)
        assert [(row.value, row.sums[:3], row.share) for row in pages.rows] == [("/", (7, None, None), 1.0)]
        assert (pages.total.visits, pages.other.visits, pages.values, pages.reason) == (7, 0, 1, FOLDED)
        other = reports.breakdown(asked, "device")
        assert (other.rows, other.other.visits, other.total.visits) == ([], 7, 7)
        days, weeks, hours = (reports.timeline(asked, each) for each in ("day", "week", "hour"))
        assert [each[1:5] for each in days] == [(4, None, None, None), (3, 3, 1, 3)]
        assert [each[1:3] for each in weeks] == [(7, None)]
        assert {each.visits for each in hours} == {None, 0, 3}
        site.services[ReportServices].projection.catch_up()


def test_page_and_share_links_have_the_visits_of_one_value(site):
    days = "start=2025-10-08&end=2025-10-09"
    page = panel(site).get(f"/admin/insights?{days}&page=/&granularity=day")
    assert re.search(r'data-stat="visits" data-value="6"', page)
    assert re.findall(r'<td class="number" data-value="(\d*)"', page) == ["3", "3"]
    assert FOLDED in words(page)
    boss = sign_up(site, "boss")
    promote(site, boss.email)
    link = share(boss, filters={"page": ["/"]})["token"]
    summary = site.client.get(f"/api/shares/{link}/reports/summary?{days}").json
    assert (summary["visits"], summary["visitors"], summary["exact"], summary["reason"]) == (6, None, False, FOLDED)


def test_a_value_that_a_folded_day_has_merged_is_unknown(site):
    """Also one that never was: nothing tells it from those. Two values, or two filters, are unknown as well."""
    reports = site.services[ReportServices].reports
    for asked in (of_page("/b"), of_page("/never")):
        assert reports.summary(asked).figures.visits is None
        assert reports.summary(asked).reason == reports.breakdown(asked, "page").reason == FOLDED_VALUE
        assert reports.breakdown(asked, "page").total.visits is None
    assert [each.visits for each in reports.timeline(of_page("/b"), "day")] == [None, 1]
    nowhere = {"country": Filter(frozenset(["ZZ"]))}
    assert reports.summary(Question(*FOLDED_AND_NOT, filters=nowhere)).figures.visits == 0
    for filters in (of_page("/").filters | nowhere, {"page": Filter(frozenset(["/", "/a"]))}):
        found = reports.summary(Question(*FOLDED_AND_NOT, filters=filters))
        assert (found.figures.visits, found.reason) == (None, FOLDED)


def of_page(page: str) -> Question:
    return Question(*FOLDED_AND_NOT, filters={"page": Filter(frozenset([page]))})


def test_files_mark_what_they_may_lack(site):
    admin = sign_up(site, "boss")
    promote(site, admin.email)

    def file(report: str, query: str = "") -> list[dict[str, str]]:
        days = "start=2025-10-08&end=2025-10-09"
        answer = admin.get(f"/api/reports/{report}?{days}&{query}", headers={"Accept": "text/csv"})
        assert answer.status_code == 200, answer.text
        return list(csv.DictReader(io.StringIO(answer.text)))

    pages = {row["value"]: (row["visitors"], row["at_least"], row["exact"]) for row in file("breakdown", "by=page")}
    assert pages == {
        **{"/": ("", "false", "false"), "/a": ("", "false", "false")},
        **{"/b": ("1", "true", "false"), "/c": ("1", "true", "false")},
    }
    for query, visits in (("", "14"), ("page=/", "6")):
        (summary,) = file("summary", query)
        assert (summary["visits"], summary["visitors"], summary["exact"]) == (visits, "", "false")
    hours = file("hours", "page=/")
    assert len(hours) == 7 * 24
    assert {(row["visits"], row["exact"]) for row in hours} == {("", "false")}


@pytest.mark.both_kinds
def test_fold_that_was_interrupted_counts_nothing_twice_when_all_is_read_again(unfolded):
    unfolded.services[ReportServices].projection.catch_up()
    with pytest.raises(InterruptedError):
        prune(unfolded, 10)
    assert unfolded.recount() == []
    assert 0 < unfolded.rows("SELECT sum(visits) FROM folded_visits WHERE scope = 'site'")[0][0] < len(PAGES)
    for _ in range(2):
        rebuild(unfolded)
        assert unfolded.recount() == []
        check_first_day(unfolded)
        check_second_day(unfolded)
        prune(unfolded)


def test_no_more_is_folded_while_visits_are_read_again(unfolded):
    """Also by a fold that has begun: the sums lack what has been read and not read again."""

    def reject(ids: int) -> None:
        if ids:
            unfolded.services[ReportServices].reports._database.write(recount_queries.reject)

    retention = unfolded.services[Retention]
    with pytest.raises(folding_queries.NotProjected):
        retention.prune(retention.past(), reject)
    unfolded.services[ReportServices].projection.catch_up()
    assert unfolded.recount() == []
    check_first_day(unfolded)


@pytest.mark.both_kinds
def test_of_two_processes_that_empty_the_tables_the_later_begins_at_the_beginning(unfolded, monkeypatch):
    """One is in the middle when another has finished, has read visits, and the sums are rejected once more."""
    site, database = unfolded, unfolded.services[ReportServices].reports._database
    site.services[ReportServices].projection.catch_up()
    right = site.rows(SUMS)
    monkeypatch.setattr(clearing_queries, "SIZE", 20)
    rejected = "UPDATE watermarks SET version = 0 WHERE name = 'visits'"
    site.rows(rejected)
    position = BEGINNING
    while position == BEGINNING:
        position = database.write(clearing_queries.clear, position, site.services.clock)
    site.services[ReportServices].projection.catch_up()
    site.rows(rejected)
    while position is not None:
        position = database.write(clearing_queries.clear, position, site.services.clock)
    assert site.rows(SUMS) == []
    site.services[ReportServices].projection.catch_up()
    assert site.rows(SUMS) == right
    assert site.recount() == []


def test_days_that_keep_their_sums_are_counted_once_while_visits_are_read_again(site):
    """Of imported days before the folded ones; no visitor of theirs is forgotten meanwhile."""
    referrer = "https://m.facebook.com/groups/1"
    lines = [f"w{number % 2},{number},2025-10-06T12:00:00+06:00,{referrer}" for number in range(4)]
    bring(site, "visitor_id,visit_id,at,referrer\n" + "\n".join(lines))
    site.services[ReportServices].projection.catch_up()
    site.services[ReportServices].reports._database.write(recount_queries.reject)
    site.services[ReportServices].projection._clear(lambda visits: None)
    _, referrers = ask(site, "2025-10-06", "2025-10-06", "referrer")
    assert [(row.value, row.sums.visits) for row in referrers.rows] == [(referrer, 4)]
    assert site.recount() == []
    with pytest.raises(NotYetForgotten):
        site.services[Erasure].forget("w0")
    site.services[ReportServices].projection.catch_up()
    site.services[Erasure].forget("w0")
    site.services[ReportServices].projection.catch_up()
    _, referrers = ask(site, "2025-10-06", "2025-10-06", "referrer")
    assert [(row.value, row.sums.visits) for row in referrers.rows] == [("https://m.facebook.com", 2), (referrer, 2)]
    assert site.recount() == []


@pytest.mark.both_kinds
def test_values_that_a_folded_day_has_lost_stay_lost(site):
    """An import of what was folded adds to the others, whose visits each had are unknown."""
    lines = [f"w{number},{number},2025-10-08T12:00:00+06:00,{page}" for number, page in enumerate(("/", "/b", "/d"))]
    bring(site, "visitor_id,visit_id,at,page\n" + "\n".join(lines), even_folded=True)
    for _ in range(2):
        site.services[ReportServices].projection.catch_up()
        assert site.recount() == []
        _, pages = ask(site, "2025-10-08", "2025-10-08")
        assert [(row.value, row.sums.visits, row.sums.visitors) for row in pages.rows] == [("/", 4, None), ("/a", 2, 2)]
        assert (pages.other.visits, pages.total.visits, pages.total.visitors) == (4, 10, None)
        rebuild(site)
