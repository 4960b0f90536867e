"""Old visits are rolled up into sums: which ones, and what the ledger returns afterwards."""

import pytest
from sqlalchemy.exc import OperationalError
from support.application.site import Site
from support.people.communities import site_admin

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.database import executor
from koyjabo.base.models import SITE, Scope
from koyjabo.counting.records import NewVisit
from koyjabo.counting.services import CountingServices
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.services import ReportServices
from koyjabo.reports.visit_log.services import VisitLogServices
from koyjabo.reports.visit_log.visit_log import VisitFilter
from koyjabo.upkeep.retention import retention_queries
from koyjabo.upkeep.retention.retention import Pruned, Retention

HERE = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"


@pytest.fixture
def site(database):
    with Site(database.url, STARTING_TOTAL=4000, RETENTION_DAYS="30") as site:
        site.add_community(HERE)
        yield site


def prune(site: Site, days: int | None = None) -> Pruned:
    retention = site.services[Retention]
    return retention.prune(retention.past(days))


def days_kept(site: Site) -> list[str]:
    return [day for (day,) in site.rows("SELECT day FROM visits ORDER BY id")]


def visit_on(site: Site, *moments: str, visitor: str = "ayesha", scope: str = SITE) -> None:
    for moment in moments:
        site.time.go_to(moment)
        site.services[CountingServices].visits.register(NewVisit(visitor, None, Scope(scope), at_ms=site.time.ms))


def test_visits_and_their_retries_are_kept_for_today_and_the_retention_days(site):
    """Local days, to the millisecond: midnight in Dhaka is at 18:00 UTC."""
    visit_on(site, "2025-11-15T23:59:59.999+06:00", "2025-11-16T00:00:00+06:00", "2025-12-16T12:00:00+06:00")
    assert prune(site).visits == 1
    assert days_kept(site) == ["2025-11-16", "2025-12-16"]
    site.time.go_to("2025-12-16T23:59:59.999+06:00")
    assert prune(site).visits == 0
    assert site.register("karim", visitId="1").ordinal == 4004
    site.time.go_to("2025-12-17T00:00:00+06:00")
    assert prune(site).visits == 1
    assert days_kept(site) == ["2025-12-16"] * 2
    site.time.go_to("2026-01-15T23:59:59.999+06:00")
    prune(site)
    assert site.register("karim", visitId="1").duplicate
    site.time.ms += 1
    prune(site)
    assert site.register("karim", visitId="1").ordinal == 4005
    assert site.recount() == []


@pytest.mark.both_kinds
def test_counting_continues_after_everything_is_rolled_up(site):
    visit_on(site, "2025-12-10T12:00:00+06:00", "2025-12-11T12:00:00+06:00")
    visit_on(site, "2025-12-11T12:00:00+06:00", visitor="karim", scope=HERE)
    site.time.go_to("2026-12-16T12:00:00+06:00")
    before = site.stats()
    assert prune(site).visits == 3
    assert site.stats() == before
    assert site.recount() == []
    site.restart()
    assert site.register("ayesha", communityId=HERE).ordinal == 4004
    assert (site.stats()["uniqueVisitors"], site.stats()["todayVisits"]) == (2, 1)
    assert site.rows("SELECT visits, unique_visitors FROM counters WHERE scope = :here", here=HERE) == [(2, 2)]
    assert site.recount() == []


@pytest.mark.both_kinds
def test_interrupted_prune_continues_where_it_stopped(site, monkeypatch):
    for name in ("FIRST", "FEWEST", "MOST"):
        monkeypatch.setattr(executor, name, 2)
    visit_on(site, *["2025-10-16T12:00:00+06:00"] * 7)
    site.time.go_to("2025-12-16T12:00:00+06:00")
    real, times = retention_queries.fold_old, []

    def breaking(*arguments, **named):
        times.append(1)
        if len(times) == 3:
            real(*arguments, **named)  # then the database fails before the commit
            raise OperationalError("", {}, Exception("gone"))
        return real(*arguments, **named)

    monkeypatch.setattr(retention_queries, "fold_old", breaking)
    before = site.stats()
    with pytest.raises(LedgerUnavailable):
        prune(site)
    assert len(days_kept(site)) == 3
    assert site.recount() == []
    assert prune(site).visits == 3
    assert site.recount() == []
    assert site.stats() == before


def test_roll_up_finds_visits_where_ids_are_missing(site):
    admin, log = site_admin(site), site.services[VisitLogServices].log
    for day in range(10, 30):
        visit_on(site, *[f"2025-11-{day}T{hour}:00:00+06:00" for hour in (10, 14)], visitor=f"v{day}")
    for day in (12, 13, 14, 15, 16, 17, 20, 21, 28, 29):
        site.rows(f"DELETE FROM visits WHERE visitor_id = 'v{day}'")
    site.time.go_to("2025-12-11T12:00:00+06:00")
    prune(site)  # the first day is gone as well
    kept = [11, 18, 19, 22, 23, 24, 25, 26, 27]
    for first in range(9, 30):
        for last in range(first, 31, 3):
            days = VisitFilter(f"2025-11-{first:02}", f"2025-11-{last:02}" if last < 31 else "")
            page = log.page(admin, days, count=100)
            assert page.before is None
            expected = [f"v{day}" for day in reversed(kept) if first <= day <= last for _ in range(2)]
            assert [visit.visitor_id for visit in page.visits] == expected, days
    assert [visit.ordinal for visit in log.page(admin, VisitFilter(text="4004")).visits] == [4004]
    assert log.page(admin, VisitFilter(text="4001")).visits == ()  # it was rolled up


def test_expired_rows_are_removed(site):
    now, day = site.time.ms, 86_400_000
    columns = "id, email, email_key, name, password, is_admin, created_ms"
    site.rows(f"INSERT INTO users ({columns}) VALUES ('u', 'a@b.c', 'a@b.c', 'A', '-', false, 0)")
    for name, expires in (("over", now), ("alive", now + 1)):
        columns = "id, user_id, refresh_id, created_ms, expires_ms"
        site.rows(f"INSERT INTO sessions ({columns}) VALUES ('{name}', 'u', '-', 0, {expires})")
        site.rows("INSERT INTO login_failures VALUES (:name, 1, 0, '{}', :expires)", name=name, expires=expires)
    columns = "id, at_ms, actor, action, target_kind, target_id, target, details, place"
    for number, at_ms in ((1, now - 30 * day - 1), (2, now - 30 * day), (3, now)):
        site.rows(f"INSERT INTO audit_log ({columns}) VALUES ({number}, {at_ms}, '', '', '', '', '', '{{}}', '')")
    assert site.services[Retention].sweep() == (1, 1, 1)
    assert site.services[Retention].sweep() == (0, 0, 0)
    assert site.rows("SELECT id FROM sessions") == [("alive",)]
    assert site.rows("SELECT account FROM login_failures") == [("alive",)]
    assert site.rows("SELECT id FROM audit_log ORDER BY id") == [(2,), (3,)]


PHONE = "Mozilla/5.0 (Linux; Android 14; SM-A155F) AppleWebKit/537.36 Chrome/130.0.0.0 Mobile Safari/537.36"
SHORT = "Chrome on Android (phone)"
DAYS = ("2025-11-01", "2025-11-02", "2025-12-20", "2025-11-03", "2025-12-21")
"""An import has added an older day after a newer one."""


def summaries(site: Site) -> list:
    insights = site.services[ReportServices].reports
    question = Question(DAYS[0], "2025-12-31")
    return [insights.breakdown(question, dimension).rows for dimension in ("browser", "system", "device")]


def test_old_user_agents_are_replaced_by_their_parsed_values(site, monkeypatch):
    for name in ("FIRST", "FEWEST", "MOST"):
        monkeypatch.setattr(executor, name, 2)
    site.time.go_to("2025-12-22T12:00:00+06:00")
    for number, day in enumerate(DAYS):
        at_ms = site.services.clock.began_s(day) * 1000
        agent = PHONE if number else "curl/8.5.0"
        site.services[CountingServices].visits.register(NewVisit("ayesha", None, at_ms=at_ms, user_agent=agent))
    site.rows("INSERT INTO imported_visits (after_visit, upto_visit, first_ms, last_ms) VALUES (3, 4, 0, :m)", m=10**15)
    before = summaries(site)
    for days, agents in ((0, [SHORT, PHONE, SHORT, PHONE]), (29, [SHORT] * 4)):
        site.time.pass_(days=days)
        site.services[Retention].reduce_user_agents()
        stored = site.rows("SELECT user_agent FROM visits ORDER BY id")
        assert stored == [("curl (desktop)",), *((agent,) for agent in agents)]
        assert summaries(site) == before
    assert site.recount() == []
