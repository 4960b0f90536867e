"""Recounts, and repairs of derived data: each kind of damage is repaired, or reported as irreparable."""

import json
import re
import threading

import pytest
from support.application.site import Site, everything, site_fixture
from support.people.page_readers import Reader
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.sites.full_site import in_context, quiet

from koyjabo.application.features import load_tables
from koyjabo.base.cluster.workers import Progress
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.extensions import db
from koyjabo.base.core.identity import Account
from koyjabo.base.jobs import claims
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.audit.audit import Audit
from koyjabo.upkeep.health.health import Health
from koyjabo.upkeep.recounts import recount_queries, recounts
from koyjabo.upkeep.recounts.derived_tables_queries import INVARIANTS, SUM_TABLES
from koyjabo.upkeep.recounts.recounts import RECOUNT_BEGUN, RECOUNT_ENDED, Recounts
from koyjabo.upkeep.recounts.total import TotalAdjuster

site = site_fixture(STARTING_TOTAL=4000)


def actions(site: Site, admin: Account) -> list[str]:
    actions = [line.action for line in site.services[Audit].page(admin).lines]
    return [action for action in actions if action.startswith("ledger.")]


def wait_for_end(site: Site) -> None:
    wait_until(lambda: site.services[Recounts].progress() is None, "the recount is over")


def recounted(site: Site, admin: Account) -> dict:
    site.services[Recounts].begin(admin)
    wait_for_end(site)
    last = site.services[Recounts].state(admin).last
    assert last.action == RECOUNT_ENDED
    return last.details


class Pause:
    """Stops recounts at their first rows until they are resumed."""

    def __init__(self, monkeypatch) -> None:
        self.begun, self.over, self._real = threading.Event(), threading.Event(), recounts.recount
        monkeypatch.setattr(recounts, "recount", self._recount)

    def _recount(self, connection, progress, *sources):
        def pausing(rows: int) -> None:
            self.begun.set()
            assert self.over.wait(PATIENCE_S)
            progress(rows)

        return self._real(connection, pausing, *sources)


@pytest.fixture
def pause(monkeypatch):
    pause = Pause(monkeypatch)
    yield pause
    pause.over.set()


def test_a_total_is_not_set_if_a_visit_arrives_first(site, monkeypatch):
    actor = recounts.audit.actor

    def visited(*arguments):
        site.register("ayesha")
        return actor(*arguments)

    monkeypatch.setattr(recounts.audit, "actor", visited)
    assert site.services[TotalAdjuster].begin_with(9000) is False
    assert site.stats()["totalVisitors"] == 4001


def test_a_recount_reports_agreement_or_the_problems(site, admin, monkeypatch):
    monkeypatch.setattr(recount_queries, "MAX_STORED_PROBLEMS", 1)
    for visitor in ("a", "b", "a"):
        site.register(visitor)
    result = recounted(site, admin)
    assert result.pop("seconds") >= 0
    assert result == {"agrees": True, "problems": [], "problem_count": 0, "rows": 3}
    assert actions(site, admin) == [RECOUNT_ENDED, RECOUNT_BEGUN]
    site.rows("UPDATE daily_visits SET visits = 7")
    site.rows("UPDATE counters SET unique_visitors = 9")
    result = recounted(site, admin)
    assert (result["agrees"], result["problems"]) == (False, site.recount()[:1])
    assert result["problem_count"] > 1


def test_the_server_recounts_at_once_when_there_are_more_than_twice_as_many_visits(site, admin):
    reader = Reader(site)
    for visits, recounts_so_far in ((1, 1), (2, 1), (3, 2)):
        site.register(visitId=str(visits))
        if visits == 3:
            assert 'class="status" data-kind="off"' in reader.get("/receipt")
        site.services[Recounts].tick()
        wait_for_end(site)
        site.time.pass_(seconds=5)
        assert actions(site, admin).count(RECOUNT_ENDED) == recounts_so_far
        assert 'class="status" data-kind="good"' in reader.get("/receipt")


def test_a_recount_reads_a_single_moment_and_delays_no_visits(site, admin, pause):
    site.register("a")
    site.services[Recounts].begin(admin)
    assert pause.begun.wait(PATIENCE_S)
    site.services[Recounts].begin(admin)  # starting it again does nothing
    site.register("b")
    assert site.services[AccountServices].users.page(admin).total == 1  # reports work during the recount
    (worker,) = site.services[Health].facts(admin, False).workers
    assert site.services[Recounts].state(admin).running == worker.recount == Progress(site.time.ms, 0, 1)
    pause.over.set()
    wait_for_end(site)
    details = site.services[Recounts].state(admin).last.details
    assert (details["agrees"], details["rows"]) == (True, 1)
    assert actions(site, admin) == [RECOUNT_ENDED, RECOUNT_BEGUN]


def test_a_recount_renews_its_lease_and_ends_without_a_result_after_losing_it(site, admin, pause):
    with Site(site.database_url, site.time) as other:
        other.services[Recounts].begin(admin)
        for passed_s, begun in ((50, 1), (50, 1), (61, 2)):
            site.time.pass_(seconds=passed_s)
            if passed_s < 60:
                other.services[Recounts].renew()
            site.services[Recounts].begin(admin)
            assert actions(site, admin) == [RECOUNT_BEGUN] * begun
        other.services[Recounts].renew()
        pause.over.set()
        wait_for_end(other)
        wait_for_end(site)
    assert actions(site, admin) == [RECOUNT_ENDED, RECOUNT_BEGUN, RECOUNT_BEGUN]


@pytest.mark.parametrize("comes_late", [False, True])
def test_the_result_of_a_recount_is_written_once_after_a_database_outage(site, admin, pause, monkeypatch, comes_late):
    """`comes_late` means that the write succeeded despite the error."""
    recounts, away = site.services[Recounts], [True] * 3
    write = recounts._database.write

    def fail(*said, **named):
        if away.pop() and comes_late:
            write(*said, **named)
        if not away:
            monkeypatch.setattr(recounts._database, "write", write)
        raise LedgerUnavailable

    site.register()
    recounts.begin(admin)
    assert pause.begun.wait(PATIENCE_S)
    monkeypatch.setattr(recounts._database, "write", fail)
    monkeypatch.setattr(claims, "STORE_RETRY_S", 0.01)
    pause.over.set()
    wait_for_end(site)
    assert away == []
    assert actions(site, admin) == [RECOUNT_ENDED, RECOUNT_BEGUN]
    assert recounts.state(admin).last.details["agrees"] is True


def test_a_recount_runs_every_night_and_at_the_first_start(site, admin):
    tonight = site.services[Recounts].tick
    made = []
    for hours in (0, 1, 17):  # 10:48, 11:48, and 04:48 in the morning
        site.time.pass_(hours=hours)
        tonight()
        wait_for_end(site)
        tonight()
        made.append(len(actions(site, admin)) // 2)
    assert made == [1, 1, 2]


def test_a_nightly_recount_that_was_interrupted_begins_again_after_an_hour(site, admin):
    site.services[Recounts].tick()
    wait_for_end(site)
    site.rows("DELETE FROM audit_log WHERE action = 'ledger.recounted'")
    for minutes, expected in ((59, [RECOUNT_BEGUN]), (1, [RECOUNT_ENDED, RECOUNT_BEGUN, RECOUNT_BEGUN])):
        site.time.pass_(minutes=minutes)
        site.services[Recounts].tick()
        wait_for_end(site)
        assert actions(site, admin) == expected


DERIVED = {
    "a day that is missing": "DELETE FROM daily_visits WHERE day = (SELECT min(day) FROM daily_visits)",
    "a day of no visit": "INSERT INTO daily_visits VALUES ('site', '2025-01-01', 5, 5)",
    "a counter": "UPDATE counters SET visits = visits - 1, total = total - 1",
    "hours of a person": "UPDATE person_days SET slots = 0",
    "a day of a person": "DELETE FROM person_days WHERE day = (SELECT min(day) FROM person_days)",
    "all days of all people": "DELETE FROM person_days",
    "last days": "UPDATE people SET last_day = '2038-01-01'",
    "a person who never came": "INSERT INTO people VALUES (999, 'site', 'u:nobody', '2025-12-16')",
    "people of an hour": "DELETE FROM hourly_people",
}
BEYOND = {
    "a visit that is gone": "DELETE FROM visits WHERE id = 3",
    "an ordinal": "UPDATE visits SET ordinal = ordinal + 1 WHERE id = 5",
    "a visitor who is missing": "DELETE FROM visitors WHERE visitor_id = 'v2' AND scope = 'site'",
    "a visitor who never came": "INSERT INTO visitors VALUES ('site', 'nobody', 99, NULL)",
    "a visit that is half reduced": "UPDATE visits SET visitor_id = '~~0' WHERE id = 5",
}
FIGURES = [(rollup.table, value) for rollup in SUM_TABLES for value in rollup.values]
FIGURES += [("counters", value) for value in ("visits", "total", "unique_visitors")]
NUMBERS = ("counters", "daily_visits", "hourly_visits", "people", "person_days", "returns", "hourly_people")
NEW = {"id", "person_id", "revision", "epoch"}


def repair(site: Site) -> tuple[list[str], list[str]]:
    with in_context(site):
        return site.services[Recounts].repair(quiet)


def numbers(site: Site) -> dict[str, list[dict]]:
    tables = everything(site)
    kept = {table: [{k: v for k, v in row.items() if k not in NEW} for row in tables[table]] for table in NUMBERS}
    return {table: sorted(rows, key=str) for table, rows in kept.items()}


@pytest.mark.both_kinds
def test_every_figure_and_every_row_of_derived_tables_is_recounted_and_repaired(full):
    before, stats = numbers(full), full.stats()
    for table, figure in FIGURES:
        full.rows(f"UPDATE {table} SET {figure} = {figure} + 1")
    wrong = full.recount()
    named = [re.match(r"(\w+): .*: (\w+) is", message) for message in wrong]
    assert {*FIGURES} <= {match.groups() for match in named if match}
    assert repair(full) == (wrong, [])
    assert numbers(full) == before
    for damage in DERIVED.values():
        full.rows(damage)
    wrong = full.recount()
    assert repair(full) == (wrong, [])
    assert full.recount() == []
    assert numbers(full) == before
    assert full.register("somebody").ordinal == full.stats()["totalVisits"] == stats["totalVisits"] + 1


@pytest.mark.parametrize("damage", BEYOND.values(), ids=BEYOND)
def test_a_damaged_ledger_is_reported_but_not_repaired(full, damage):
    full.rows(damage)
    wrong, before = full.recount(), numbers(full)
    assert wrong
    assert repair(full) == ([], wrong)
    assert numbers(full) == before


def test_a_repair_that_lowers_a_total_begins_a_new_epoch(full):
    before = full.stats()
    full.rows("UPDATE counters SET visits = visits + 10, total = total + 10 WHERE scope = 'site'")
    assert repair(full)[1] == []
    after = full.stats()
    assert after["totalVisits"] == before["totalVisits"]
    assert int(after["epoch"], 36) > int(before["epoch"], 36)
    assert everything(full)["adjustments"][-1]["reason"] == "koyjabo verify --repair"
    assert full.recount() == []


def test_a_repair_is_audited_only_if_it_changed_a_number(full):
    full.rows("DELETE FROM audit_log")
    assert repair(full) == ([], [])
    assert [row["action"] for row in everything(full)["audit_log"]] == ["ledger.recounted"]
    full.rows("DELETE FROM audit_log")
    full.rows("DELETE FROM hourly_people")
    repair(full)
    lines = [(row["action"], json.loads(row["details"]).get("agrees")) for row in everything(full)["audit_log"]]
    assert lines == [("ledger.recounted", False), ("ledger.repair", None), ("ledger.recounted", True)]


TABLES = (
    {rollup.table for rollup in SUM_TABLES}
    | {check.table for check in INVARIANTS}
    | {"counters", "visit_blocks", "event_blocks"}
)
NOT_DERIVED = """
adjustments forgotten_visitors watermarks
peaks users sessions login_failures communities memberships access_version
 audit_log nightly_work database_identity day_secrets month_secrets totp_secrets recovery_codes spent_codes
 pending_steps invitations email_links outbox mail_budgets events shares announcements
 api_keys
starting_steps panel_invitations attendance stored_settings page_sums site_marks clock_states refiled_rows
"""
"""The sources of derived data, together with `visits`, and data that exists only in these tables."""


def test_every_table_is_recounted_or_listed_as_not_derived():
    """Add each new table to one of the two lists: a recount must check derived data."""
    load_tables()
    assert {table.name for table in db.metadata.sorted_tables} == TABLES | {*NOT_DERIVED.split()}
    assert not TABLES & {*NOT_DERIVED.split()}
