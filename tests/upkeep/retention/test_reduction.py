"""Reduced visits: no person is left in any column or backup, figures stay, and a return is a new visitor."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from support.application.site import Site, everything, site_fixture
from support.sites.backups import back_up

from koyjabo.base.models import SITE, Scope
from koyjabo.base.network.user_agents import parsed, written
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits
from koyjabo.reports import conversion_queries
from koyjabo.reports.community_people import Reports
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.engine.results import REDUCED_VISITS_REASON
from koyjabo.upkeep.erasure.erasure import Erasure
from koyjabo.upkeep.retention import reduction_queries
from koyjabo.upkeep.retention.retention import Retention

HERE = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"
PHONE = "Mozilla/5.0 (Linux; Android 14; SM-A155F) AppleWebKit/537.36 Chrome/130.0.0.0 Mobile Safari/537.36"
PERSONAL = {
    "visitor_id": "ayesha-of-mirpur",
    "visit_id": "visit-of-ayesha",
    "referrer": "https://www.google.com/search/from-her-class",
    "user_agent": PHONE,
    "user_id": "11110000-0000-4000-8000-000000000000",
    "client_ms": 4_242_424_242,
}
TRACES = (
    *("ayesha-of-mirpur", "visit-of-ayesha", "event-of-ayesha", "from-her-class", "SM-A155F"),
    *("11110000-0000", "4242424242", "203.0.113.7"),
)
NOON = "T12:00:00+06:00"

site = site_fixture(f"2025-10-30{NOON}", RETENTION_DAYS="30")


@pytest.fixture(autouse=True)
def community(site):
    site.add_community(HERE)


def visit(site: Site, visitor: str = "ayesha", scope: str = SITE, visit_id: str | None = None, **fields: Any) -> None:
    new = NewVisit(visitor, visit_id, Scope(scope), at_ms=site.time.ms, **fields)
    assert not site.services[Visits].register(new).duplicate


def visit_on(site: Site, *days: str, visitor: str = "ayesha", scope: str = SITE, **fields: Any) -> None:
    for day in days:
        site.time.go_to(f"{day}{NOON}")
        visit(site, visitor, scope, **fields)


def send_event(site: Site, visitor: str, event_id: str, **fields: Any) -> None:
    event = {"id": event_id, "name": "pageview", "page": "/a", **fields}
    response = site.post("/api/events", json={"visitorId": visitor, "events": [event]})
    assert response.json["accepted"] == 1


def reduce_on(site: Site, day: str) -> int:
    site.time.go_to(f"{day}{NOON}")
    return site.reduce().visits


def names(site: Site) -> list[str]:
    return [name for (name,) in site.rows("SELECT visitor_id FROM visits ORDER BY id")]


def contents(site: Site) -> str:
    return json.dumps(everything(site), default=str)


def test_no_column_and_no_backup_contains_the_person_of_a_reduced_visit(site, tmp_path):
    visit(site, PERSONAL["visitor_id"], HERE, "visit-before-login", referrer=PERSONAL["referrer"])
    site.services[Reports].convert(PERSONAL["user_id"], PERSONAL["visitor_id"])
    new = NewVisit(**PERSONAL, scope=Scope(HERE), at_ms=site.time.ms, page="/map")
    site.services[Visits].register(new)
    send_event(site, PERSONAL["visitor_id"], "event-of-ayesha")
    anonymous = {"visitorId": "ayesha-of-mirpur-2", "visitId": "visit-of-ayesha-2", "referrer": PERSONAL["referrer"]}
    from_afar = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.7"}}
    assert site.post(json={**anonymous, "userAgent": PHONE}, **from_afar).status_code == 200
    site.services[Retention].reduce_user_agents()
    site.store_blocks()
    assert [trace for trace in TRACES if trace not in contents(site)] == ["203.0.113.7"]
    reduce_on(site, "2025-12-31")
    backup = gzip.decompress(Path(back_up(site, tmp_path / "a.backup")).read_bytes()).decode()
    assert [trace for trace in TRACES if trace in contents(site) or trace in backup] == []
    assert site.recount() == []
    kept = site.rows("SELECT referrer, user_agent FROM visits WHERE page = '/map'")
    assert kept == [("https://www.google.com", written(parsed(PHONE)))]


def test_a_reduced_visitor_counts_once_a_month_and_the_report_is_not_exact(site):
    visit_on(site, "2025-10-30", "2025-10-31", "2025-11-01", "2025-11-02", "2025-12-20")
    visit_on(site, "2025-12-20", visitor="babul")
    reports = site.services[Insights]
    ranges = (("2025-10-30", "2025-10-31"), ("2025-11-01", "2025-11-02"), ("2025-12-01", "2025-12-31"))
    ranges += (("2025-10-30", "2025-11-02"), ("2025-10-30", "2025-12-31"))

    def visitors() -> list[tuple[int, int, bool]]:
        summaries = [reports.summary(ReportQuery(*days)) for days in ranges]
        return [(summary.figures.visitors, summary.figures.new_visitors, summary.exact) for summary in summaries]

    assert visitors() == [(1, 1, True), (1, 0, True), (2, 1, True), (1, 1, True), (2, 2, True)]
    assert reduce_on(site, "2025-12-31") == 4
    assert visitors() == [(1, 1, True), (1, 0, True), (2, 1, True), (2, 1, False), (4, 2, False)]
    assert reports.summary(ReportQuery(*ranges[3])).reason == REDUCED_VISITS_REASON
    assert site.recount() == []


@pytest.mark.both_kinds
def test_reduced_visits_of_a_visitor_in_one_month_share_a_random_id(site, tmp_path):
    days = ("2025-10-30", "2025-10-31", "2025-11-01", "2025-11-02")
    visit_on(site, *days)
    for night, secrets in (("2025-11-30", 1), ("2025-12-01", 0), ("2025-12-02", 1), ("2025-12-03", 1)):
        assert reduce_on(site, night) == 1
        site.restart()
        kept = [secret for (secret,) in site.rows("SELECT secret FROM month_secrets")]
        assert len(kept) == secrets
        backup = gzip.decompress(back_up(site, tmp_path / night).read_bytes()).decode()
        assert [secret for secret in kept if secret in backup] == []
    october, also_october, november, also_november = names(site)
    assert (october, november) == (also_october, also_november)
    assert october != november
    visit_on(site, "2025-12-20", visitor="late")
    reduce_on(site, "2026-02-01")
    assert site.rows("SELECT * FROM month_secrets") == []
    assert len({*names(site)}) == 3


@pytest.mark.both_kinds
def test_a_visitor_is_listed_in_a_scope_until_the_last_visit_there_is_reduced(site):
    visit_on(site, "2025-10-30", scope=HERE)
    visit_on(site, "2025-10-31", "2025-12-20")
    stats = site.stats()
    assert reduce_on(site, "2025-12-31") == 2
    assert site.rows("SELECT scope, visitor_id FROM visitors") == [("site", "ayesha")]
    assert site.rows("SELECT * FROM forgotten_visitors") == [(HERE, 1)]
    assert site.rows("SELECT * FROM people") == site.rows("SELECT * FROM person_days") == []
    assert site.recount() == []
    assert site.register("ayesha", visitId="new").stats["uniqueVisitors"] == stats["uniqueVisitors"] == 1
    assert reduce_on(site, "2026-03-01") == 2
    again = site.register("ayesha", visitId="new", communityId=HERE)
    assert (again.duplicate, again.ordinal, again.stats["uniqueVisitors"]) == (False, 5, 2)
    assert site.rows("SELECT unique_visitors FROM counters ORDER BY scope") == [(2,), (2,)]
    assert site.recount() == []


def test_a_reduced_conversion_keeps_its_first_page_and_its_time(site):
    visit_on(site, "2025-10-30", visitor="babul", scope=HERE, page="/fares")
    visit_on(site, "2025-10-31", scope=HERE, page="/map")
    site.time.pass_(hours=2)
    reports = site.services[Reports]
    reports.convert("a-user", "ayesha")
    visit_on(site, "2025-11-10", visitor="babul", scope=HERE)
    reports.convert("another-user", "babul")
    visit_on(site, "2025-12-20", visitor="babul", scope=HERE)  # so the visitor stays listed after the first night

    def read() -> Any:
        return conversion_queries.conversions_between, Scope(HERE), "2025-10-30", "2025-10-31"

    before = site.services[Insights]._database.report(*read())
    assert (before.conversions, before.pages) == (2, [("/fares", 1), ("/map", 1)])
    rate = reports.conversion_rate(HERE)
    for day in ("2025-12-31", "2026-03-01"):
        reduce_on(site, day)
        assert site.services[Insights]._database.report(*read()) == before
        assert reports.conversion_rate(HERE) == rate
        assert site.recount() == []
        assert "user" not in str(site.rows("SELECT visitor_id, user_id FROM conversions"))


@pytest.mark.both_kinds
def test_an_event_loses_its_person_together_with_its_visit(site):
    site.time.go_to("2025-10-31T23:50:00+06:00")
    visit(site, visit_id="1")
    send_event(site, "nobody", "without-visit")
    site.time.go_to("2025-11-01T00:10:00+06:00")
    send_event(site, "ayesha", "after-midnight", name="search", props={"to": "Mirpur"})
    site.time.go_to(f"2025-12-01{NOON}")
    assert site.reduce().visits == 1
    events = site.rows("SELECT visitor_id, event_id, visit_id, client_ms, props FROM events ORDER BY id")
    assert [event[1:] for event in events] == [("~1", None, None, None), ("~2", 1, None, '{"to": "Mirpur"}')]
    assert events[1][0] == names(site)[0]
    send_event(site, "ayesha", "after-midnight")
    assert site.rows("SELECT visitor_id, visit_id FROM events WHERE id = 3") == [("ayesha", None)]
    reports = site.services[Insights]
    assert reports.summary(ReportQuery("2025-10-31", "2025-12-01")).figures[6:8] == (2, 1)


def test_an_erasure_does_not_give_kept_visits_the_id_of_a_month(site):
    visit_on(site, "2025-10-30", "2025-10-31", "2025-12-20")
    assert reduce_on(site, "2025-12-31") == 2
    site.services[Erasure].forget("ayesha")
    first, second, kept = names(site)
    assert (first, kept.startswith("~~")) == (second, False)
    assert site.recount() == []


def test_a_visit_with_a_wrong_time_does_not_delay_the_reduction_of_others(site):
    visit_on(site, "2025-10-30")
    visit_on(site, "2030-01-01", visitor="future")
    visit_on(site, "2025-10-31", "2025-11-01")
    visit_on(site, "2024-01-01", visitor="past")
    visit_on(site, "2025-12-20")
    reduce_on(site, "2025-12-31")
    reduce_on(site, "2026-01-01")
    kept = site.rows("SELECT day FROM visits WHERE visitor_number IS NULL ORDER BY id")
    assert kept == [("2030-01-01",), ("2025-12-20",)]
    assert site.recount() == []
    assert reduce_on(site, "2030-03-01") == 2


def test_the_recount_finds_a_reduced_visit_that_still_has_a_person(site):
    visit_on(site, "2025-10-30")
    reduce_on(site, "2025-12-31")
    site.store_blocks()
    for column, value in {"user_id": "'a'", "client_ms": "5", "visit_id": "'1'", "visitor_number": "NULL"}.items():
        site.rows(f"UPDATE visits SET {column} = {value}")
        assert "visits: 1 are reduced, but not completely" in site.recount(), column
        kept = {"user_id": "NULL", "client_ms": "NULL", "visit_id": "'~1'", "visitor_number": "1"}
        site.rows(f"UPDATE visits SET {column} = {kept[column]}")
        assert site.recount() == []


def test_the_recount_checks_the_people_who_are_left_after_a_reduction(site):
    visit_on(site, "2025-10-30", "2025-10-31", scope=HERE, user_id="a-user")
    reduce_on(site, "2025-12-31")
    assert site.rows("SELECT * FROM people") == site.rows("SELECT * FROM person_days") == []
    visit_on(site, "2025-12-31", visitor="babul", scope=HERE)
    assert site.recount() == []
    site.rows("UPDATE returns SET anonymous = 5 WHERE day = '2025-12-31'")
    site.rows("UPDATE hourly_people SET anonymous = 5 WHERE hour_s > 1767000000")
    assert [problem.partition(":")[0] for problem in site.recount()] == ["returns", "hourly_people"]


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
def test_every_new_visit_waits_while_a_visitor_is_removed(site, database, monkeypatch):
    """Otherwise, a visit that has just found its visitor listed would be by a visitor who is not listed."""
    visit_on(site, "2025-10-30")
    real, is_free = reduction_queries.changed_rows, []

    def looking(*arguments: Any) -> int:
        is_free.append(database.is_free())
        return real(*arguments)

    monkeypatch.setattr(reduction_queries, "changed_rows", looking)
    reduce_on(site, "2025-12-31")
    assert is_free[0] is False  # while the visitor is removed
