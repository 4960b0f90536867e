"""The visit log: filters find all matching visits, in pages without gaps or repeats."""

import csv
import io

import pytest
from support.application.site import SPEC_MOMENT, Site
from support.people.accounts import sign_up
from support.people.communities import account_of, found

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.models import SITE, Scope
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits
from koyjabo.people.audit.audit import Audit
from koyjabo.reports.visits import queries, visit_list
from koyjabo.reports.visits.queries import Count, LoggedVisit
from koyjabo.reports.visits.visit_list import VisitFilter, VisitList

DHAKA, SYLHET = "Dhaka, BD", "Sylhet, BD"
DAYS = ("2025-12-14", "2025-12-15", "2025-12-16")


class Log:
    """The visit log of a site with visits on several days, by different visitors in different locations and scopes."""

    def __init__(self, site: Site) -> None:
        self.site, self.visits = site, site.services[VisitList]
        self.ayesha = sign_up(site)
        site.rows("UPDATE users SET is_admin = true")
        self.admin = account_of(self.ayesha)._replace(is_admin=True)
        self.hikers = found(self.ayesha, name="Hikers")["id"]
        for number, day in enumerate(DAYS):
            for hour in range(0, 24, 3):
                site.time.go_to(f"{day}T{hour:02}:00:00+06:00")
                scope, place = Scope(self.hikers if hour % 2 else SITE), DHAKA if hour < 12 else SYLHET
                visit = NewVisit(f"v{hour}", f"{number}-{hour}", scope, place, site.time())
                site.services[Visits].register(visit)
        self.everything = self.pages()

    def pages(self, count: int = 50, newest_first: bool = True, **which: str) -> list[LoggedVisit]:
        """All matching visits, collected page by page."""
        visits, name, cursor = [], "before" if newest_first else "after", None
        while True:
            cursors = {name: cursor, "newest_first": newest_first}
            page = self.visits.slice(self.admin, VisitFilter(**which), count=count, **cursors)
            visits += page.visits
            assert len(page.visits) <= count
            last, cursor = cursor, getattr(page, name)
            if cursor is None:
                return visits
            assert last is None or (cursor < last if newest_first else cursor > last)

    def export(self, **which: str) -> str:
        return "".join(self.visits.export(self.admin, VisitFilter(**which)))


@pytest.fixture(scope="module")
def log(module_database):
    with Site(module_database.url, STARTING_TOTAL=4000) as site:
        yield Log(site)


def test_the_slices_of_the_visit_log_fit_together_without_gaps_and_repeats(log):
    for count in (1, 5, 24):
        assert log.pages(count) == log.everything, count
        assert log.pages(count, newest_first=False) == log.everything[::-1], count
    options = {"count": 5, "newest_first": False}
    pages = [log.visits.slice(log.admin, VisitFilter(), after=after, **options) for after in (None, 5, 10)]
    assert [page.before for page in pages] == [None, 6, 11]
    assert log.visits.slice(log.admin, VisitFilter(), before=11, **options).visits == pages[1].visits
    assert log.visits.slice(log.admin, VisitFilter(), before=3, **options).visits == pages[0].visits


def test_a_range_of_days_follows_the_time_zone_and_includes_both_ends(log):
    clock = log.site.services.clock
    for first, last in ((DAYS[1], DAYS[1]), (DAYS[1], ""), ("", DAYS[1]), (DAYS[0], DAYS[2]), ("2025-12-20", "")):
        visits = [visit for visit in log.everything if (first or "0") <= clock.bucket(visit.at_ms).day <= (last or "9")]
        assert log.pages(first_day=first, last_day=last) == visits, (first, last)


UNUSABLE = [
    ({"first_day": "yesterday"}, "first_day"),
    ({"last_day": "2025-13-01"}, "last_day"),
    ({"first_day": "9999-12-31"}, "first_day"),
    ({"first_day": "0001-01-01"}, "first_day"),
    ({"first_day": DAYS[1], "last_day": DAYS[0]}, "last_day"),
    ({"community_id": "hikers"}, "community_id"),
]


def test_an_invalid_filter_of_the_visit_log_is_refused_by_its_field(log):
    for which, field in UNUSABLE:
        for ask in (log.visits.slice, log.visits.export):
            with pytest.raises(InvalidInput) as refused:
                ask(log.admin, VisitFilter(**which))
            assert set(refused.value.details) == {field}


def test_the_number_of_visits_of_a_range_or_a_community_has_no_upper_limit(log, monkeypatch):
    monkeypatch.setattr(visit_list, "MAX_COUNTED_RESULTS", 0)
    for which in ({}, {"first_day": DAYS[1]}, {"last_day": DAYS[0]}, {"community_id": log.hikers, "last_day": DAYS[1]}):
        assert log.visits.count(log.admin, VisitFilter(**which)) == Count(len(log.pages(**which)), True), which


def test_a_search_that_takes_long_returns_its_position_and_can_continue(log, monkeypatch):
    monkeypatch.setattr(visit_list, "SEARCH_LIMIT_S", -1)
    monkeypatch.setattr(queries, "FIRST_STRETCH", 4)
    page = log.visits.slice(log.admin, VisitFilter(text="1-15"))
    assert (page.visits, page.before) == ((), 21)
    assert page.reached_ms == log.everything[3].at_ms
    assert log.pages(text="1-15") == [visit for visit in log.everything if visit.visit_id == "1-15"]
    for newest_first in (True, False):
        assert log.pages(3, newest_first) == log.everything[:: 1 if newest_first else -1]


def test_an_export_follows_the_filter_and_is_audited_without_the_searched_text(log):
    """The line is written before the first piece. Searches are usually visitor ids, which an erasure would miss."""
    log.site.rows("DELETE FROM audit_log")
    log.visits.export(log.admin, VisitFilter())
    text = log.export(first_day=DAYS[1], last_day=DAYS[1], place=DHAKA)
    assert [row["visitor_id"] for row in csv.DictReader(io.StringIO(text))] == ["v0", "v3", "v6", "v9"]
    assert log.export(text="v3").count("v3") == 3
    log.visits.extract(VisitFilter(text="v3"))
    lines = log.site.services[Audit].page(log.admin).lines
    assert {(line.action, line.actor_id) for line in lines[1:]} == {("visits.export", log.ayesha.id)}
    filters = {"first_day": DAYS[1], "last_day": DAYS[1], "place": DHAKA}
    details = [{}, filters, *[{"text": True}] * 2]
    assert [line.details for line in reversed(lines)] == details


# These tests change their own site.


@pytest.fixture
def own(database):
    with Site(database.url) as site:
        yield site, account_of(sign_up(site))._replace(is_admin=True)


def found_in(own, **which: str) -> tuple[LoggedVisit, ...]:
    site, admin = own
    return site.services[VisitList].slice(admin, VisitFilter(**which)).visits


def test_a_visit_number_finds_the_visits_with_it_in_every_epoch(own):
    site, _ = own
    for visitor in ("a", "b", "c"):
        site.register(visitor)
    site.set_total(0, new_epoch=True)
    for visitor in ("d", "e"):
        site.register(visitor)
    site.set_total(100)
    site.register("f")

    def of(text: str) -> list[str]:
        return [visit.visitor_id for visit in found_in(own, text=text)]

    assert [of("1"), of("2"), of("3"), of("101"), of("4")] == [["d", "a"], ["e", "b"], ["c"], ["f"], []]
    assert of(str(2**63 - 1)) == []
    assert [of("2–101"), of("2-2"), of("4-99")] == [["f", "e", "c", "b"], ["e", "b"], []]


def test_a_filter_by_day_finds_visits_that_were_committed_out_of_order(own):
    site, _ = own
    midnight = SPEC_MOMENT - SPEC_MOMENT % 86_400_000 + 18 * 3_600_000  # in Dhaka
    for number, late_ms in enumerate((-30_000, 5_000, -20_000, 12_000, -1, 0, -9_000, 30_000)):
        visit = NewVisit(f"v{number}", None, at_ms=midnight + late_ms)
        site.services[Visits].register(visit)
    day = site.services.clock.bucket(midnight).day
    assert {visit.visitor_id for visit in found_in(own, first_day=day)} == {"v1", "v3", "v5", "v7"}
    day_before = site.services.clock.bucket(midnight - 1).day
    assert {visit.visitor_id for visit in found_in(own, last_day=day_before)} == {"v0", "v2", "v4", "v6"}
