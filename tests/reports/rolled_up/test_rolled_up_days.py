"""A rolled up day keeps its number of visitors and the largest values of each dimension, but no visitor."""

import re

import pytest
from support.application.site import Site, Time
from support.assertions.csv_files import rows_of
from support.assertions.rolled_up import all_figures, assert_kept
from support.people.admins import panel
from support.people.api_keys import boss as new_admin
from support.sites.full_site import rebuild

from koyjabo.base.database import executor
from koyjabo.reports.engine.results import FOLDED, FOLDED_VALUE
from koyjabo.reports.log import blocks
from koyjabo.reports.query.report_query import Filter, Question
from koyjabo.reports.rolled_up import day_sums

FOLDED_AND_NOT = "2025-10-08", "2025-10-09"
PAGES = ("/", "/", "/", "/a", "/a", "/b", "/c")


@pytest.fixture
def unfolded(database, monkeypatch):
    """Two days of visits. A rolled up day keeps two values, as in earlier versions also of pages, and each transaction
    rolls up two rows.
    """
    monkeypatch.setattr(day_sums, "MAX_VALUES", 2)
    monkeypatch.setattr(day_sums, "PAGES", ())
    for limit in ("FIRST", "FEWEST", "MOST"):
        monkeypatch.setattr(executor, limit, 2)
    time = Time.at("2025-10-08T10:30:00+06:00")
    with Site(database.url, time, RETENTION_DAYS=1) as site:
        for day in range(2):
            for number, page in enumerate(PAGES):
                site.register(f"v{number % 3 + day}", page=page)
            time.pass_(days=1)
        yield site


@pytest.fixture
def site(unfolded):
    """A site whose first day is rolled up."""
    assert prune(unfolded) == len(PAGES)
    assert unfolded.recount() == []
    return unfolded


def prune(site: Site, transactions: int = 1000) -> int:
    """Roll up everything due, or stop after this many transactions."""
    left = iter(range(transactions))

    def advance(ids: int) -> None:
        if next(left, None) is None:
            raise InterruptedError

    return site.roll_up(advance=advance).visits


def ask(site: Site, first: str, last: str, by: str = "page"):
    question = Question(first, last)
    return site.reports.summary(question), site.reports.breakdown(question, by, 10)


@pytest.mark.both_kinds
def test_rolled_up_day_has_its_visitors_and_its_largest_values(site):
    assert check_first_day(site) == 2
    check_second_day(site)


def check_first_day(site: Site) -> int:
    """Check the first day. Returns how many values it still has."""
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
    """Check that the second day has all its rows."""
    summary, pages = ask(site, "2025-10-09", "2025-10-10")
    assert (summary.figures.visitors, summary.reason, len(pages.rows)) == (3, None, 4)


def test_visitors_of_several_days_are_unknown_when_one_is_rolled_up(site):
    summary, pages = ask(site, "2025-10-08", "2025-10-09")
    assert summary.figures[2:7] == (14, None, 4, None, 14)
    assert summary.reason
    rows = {row.value: (row.sums.visits, row.sums.visitors, row.at_least) for row in pages.rows}
    assert rows == {"/": (6, None, False), "/a": (4, None, False), "/b": (1, 1, True), "/c": (1, 1, True)}
    assert (pages.other.visits, pages.other.visitors) == (2, None)


@pytest.mark.both_kinds
def test_filter_by_one_value_finds_the_visits_of_rolled_up_days(site):
    """The first day is rolled up. Its last visit arrived after the day's sums had been read."""
    site.time.put_right(days=-2)
    site.register("late", page="/")
    site.time.pass_(days=2)
    for _ in range(2):
        asked = of_page("/")
        summary, pages = site.reports.summary(asked, "previous"), site.reports.breakdown(asked, "page")
        assert (summary.figures[2:7], summary.compared.visits, summary.reason) == ((7, *[None] * 4), 0, FOLDED)
        assert [(row.value, row.sums[:3], row.share) for row in pages.rows] == [("/", (7, None, None), 1.0)]
        assert (pages.total.visits, pages.other.visits, pages.values, pages.reason) == (7, 0, 1, FOLDED)
        other = site.reports.breakdown(asked, "device")
        assert (other.rows, other.other.visits, other.total.visits) == ([], 7, 7)
        days, weeks, hours = (site.reports.timeline(asked, unit) for unit in ("day", "week", "hour"))
        assert [day[1:5] for day in days] == [(4, None, None, None), (3, 3, 1, 3)]
        assert [week[1:3] for week in weeks] == [(7, None)]
        assert {hour.visits for hour in hours} == {None, 0, 3}
        site.store_blocks()


def test_a_list_compares_no_number_that_may_be_incomplete(site):
    """The first day is rolled up, and may have had more visits to /b than the one that is known."""
    for page in ("/", "/b"):
        site.register("v1", page=page)
    site.time.pass_(days=1, hours=1)
    admin = panel(site)
    for by in ("page", "viewed_page"):
        page = admin.get(f"/admin/?start=2025-10-10&end=2025-10-11&compare=previous&by={by}")
        changes = dict(re.findall(r'title="(/b?)".*?data-as="change">(–|<span class="change")', page, re.DOTALL))
        assert changes == {"/": '<span class="change"', "/b": "–"}


def test_value_that_a_rolled_up_day_has_merged_is_unknown(site):
    """A value that never occurred is unknown as well, because it cannot be distinguished from merged ones. The same
    goes for two values or two filters.
    """
    for asked in (of_page("/b"), of_page("/never")):
        assert site.reports.summary(asked).figures.visits is None
        assert site.reports.summary(asked).reason == site.reports.breakdown(asked, "page").reason == FOLDED_VALUE
        assert site.reports.breakdown(asked, "page").total.visits is None
    assert [period.visits for period in site.reports.timeline(of_page("/b"), "day")] == [None, 1]
    nowhere = {"country": Filter(frozenset(["ZZ"]))}
    assert site.reports.summary(Question(*FOLDED_AND_NOT, filters=nowhere)).figures.visits == 0
    for filters in (of_page("/").filters | nowhere, {"page": Filter(frozenset(["/", "/a"]))}):
        summary = site.reports.summary(Question(*FOLDED_AND_NOT, filters=filters))
        assert (summary.figures.visits, summary.reason) == (None, FOLDED)


def of_page(page: str) -> Question:
    return Question(*FOLDED_AND_NOT, filters={"page": Filter(frozenset([page]))})


def test_files_mark_what_they_may_lack(site):
    admin = new_admin(site)

    def file(report: str, query: str = "") -> list[dict[str, str]]:
        days = "start=2025-10-08&end=2025-10-09"
        answer = admin.get(f"/api/reports/{report}?{days}&{query}", headers={"Accept": "text/csv"})
        assert answer.status_code == 200, answer.text
        return rows_of(answer.text)

    pages = {row["value"]: (row["visitors"], row["at_least"], row["exact"]) for row in file("breakdown", "by=page")}
    assert pages == {
        **{"/": ("", "false", "false"), "/a": ("", "false", "false")},
        **{"/b": ("1", "true", "false"), "/c": ("1", "true", "false")},
    }
    views = [(row["value"], row["count"], row["share"], row["at_least"]) for row in file("breakdown", "by=viewed_page")]
    assert views[:2] == [("/", "6", "", "false"), ("/a", "4", "", "false")]
    assert views[2:] == [("/b", "1", "", "true"), ("/c", "1", "", "true")]
    for query, visits in (("", "14"), ("page=/", "6")):
        (summary,) = file("summary", query)
        assert (summary["visits"], summary["visitors"], summary["exact"]) == (visits, "", "false")


@pytest.mark.both_kinds
@pytest.mark.parametrize("transactions", [1, 2, 3])
def test_interrupted_roll_up_counts_no_visit_twice(unfolded, transactions):
    """The sums are stored before the first row is removed."""
    with pytest.raises(InterruptedError):
        prune(unfolded, transactions)
    folded = unfolded.rows("SELECT coalesce(sum(visits), 0) FROM folded_visits WHERE scope = 'site'")[0][0]
    assert folded < len(PAGES)
    for _ in range(2):
        rebuild(unfolded)
        assert unfolded.recount() == []
        check_first_day(unfolded)
        check_second_day(unfolded)
        prune(unfolded)
    assert check_first_day(unfolded) == 2


def test_interrupted_roll_up_ends_before_another_day_begins(unfolded):
    """This holds even if visits must be kept longer from now on."""
    with pytest.raises(InterruptedError):
        prune(unfolded, 1)
    unfolded.roll_up(30, advance=lambda visits: check_first_day(unfolded) and None)
    assert check_first_day(unfolded) == 2
    assert unfolded.rows("SELECT count(*) FROM visits WHERE day = '2025-10-08'") == [(0,)]
    assert unfolded.recount() == []


def test_rows_that_another_version_has_changed_are_read_again(unfolded, monkeypatch):
    """The other version counts a change, but does not know about blocks."""
    monkeypatch.setattr(blocks, "SIZE", 2)
    unfolded.store_blocks()
    unfolded.rows("UPDATE visits SET page = '/other' WHERE page = '/b'")
    unfolded.rows("UPDATE watermarks SET upto = upto + 1 WHERE name = 'changes'")
    for _ in range(2):
        _, pages = ask(unfolded, "2025-10-08", "2025-10-09")
        assert {row.value for row in pages.rows} == {"/", "/a", "/other", "/c"}
        unfolded.store_blocks()


def test_counts_that_are_not_known_are_null(site):
    admin = new_admin(site)
    days = "start=2025-10-08&end=2025-10-09"
    views = admin.get(f"/api/reports/breakdown?{days}&by=viewed_page&page=/").json
    assert [(row["value"], row["count"], row["share"]) for row in views["rows"]] == [("/", 6, None)]
    assert (views["other"]["count"], views["total"]["count"], views["exact"]) == (None, None, False)
    pages = admin.get(f"/api/reports/breakdown?{days}&by=page&page=/").json
    assert not [sums for sums in (*pages["rows"], pages["other"], pages["total"]) if "count" in sums]


@pytest.mark.both_kinds
def test_visit_in_a_repeated_hour_is_in_that_hour_of_every_report(database):
    time, hour = Time.at("2026-04-05T02:50:00+12:45"), "2026-04-05T02:45:00+12:45"
    day = hour[:10]
    with Site(database.url, time, TIMEZONE="Pacific/Chatham", RETENTION_DAYS=1) as site:
        assert site.register("ayesha").stats["todayVisits"] == 1
        time.pass_(days=2)
        before = all_figures(site.reports, Question(day, day))
        assert [period.period for period in before["hour"] if period.visits] == [hour]
        assert site.rows("SELECT day, visits FROM daily_visits") == [(day, 1)]
        assert prune(site) == 1
        assert_kept(before, all_figures(site.reports, Question(day, day)))
        assert site.recount() == []
