"""A worker forgets what it knew about a database that was rolled back (specification: A rolled-back database)."""

from contextlib import suppress
from functools import partial

import pytest
from support.application.site import Site

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.models import SITE, Scope
from koyjabo.columns.blocks import block as blocks, block_queries, state_queries
from koyjabo.columns.columns import Columns
from koyjabo.counting.anonymity import Anonymity
from koyjabo.counting.last_hour import LastHours
from koyjabo.people.audit.queries import record_revocation
from koyjabo.people.audit.version_log import VersionLog
from koyjabo.presence.visitors.active_peak import ActivePeak
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.engine.requests import BreakdownRequest
from koyjabo.reports.query.parameters import ReportQuery
from koyjabo.upkeep.retention.nightly import Nightly

HERE = Scope("1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b")


@pytest.fixture
def site(database):
    with Site(database.url) as site:
        site.add_community(HERE)
        site.register("ayesha", page="/kept", communityId=HERE)
        yield site


def pages(site):
    today = site.services.clock.today()
    request = BreakdownRequest(ReportQuery(today, today, SITE), "page", 10)
    return {row.value: row.sums.visits for row in site.services[Insights].read([request], "en")[0].rows}


@pytest.mark.both_kinds
def test_the_reports_have_only_the_remaining_visits_after_a_rollback(site, database):
    """This holds even on a worker that has not noticed the new epoch, and for visits whose ids were reused."""
    clock: Clock = site.services.clock
    hours = LastHours(site.services[Insights]._database, clock)
    remembered = database.remember()
    site.register("badal", page="/lost", communityId=HERE)
    with Site(database.url, site.time) as other:
        assert pages(site) == pages(other) == {"/kept": 1, "/lost": 1}
        assert [sum(map(sum, hours.minutes(HERE).values()))] == [2]
        database.go_back(remembered)
        site.register("chumki", page="/next")
        assert pages(site) == pages(other) == {"/kept": 1, "/next": 1}
        assert [sum(map(sum, hours.minutes(HERE).values()))] == [1]
    site.services[Columns].catch_up()
    assert site.recount() == []
    assert pages(site) == {"/kept": 1, "/next": 1}


def test_a_number_that_signals_a_change_to_workers_is_never_reused_after_a_rollback(site, database):
    numbers = "SELECT a.version, w.upto FROM access_version a, watermarks w WHERE w.name = 'changes'"
    write = site.services[Insights]._database.write
    write(state_queries.changed)
    remembered = database.remember()
    with suppress(LedgerUnavailable):  # PostgreSQL copies a database only without connections
        write(state_queries.changed)
    write(state_queries.changed)
    write(record_revocation)
    site.register("badal")
    ((access, changes),) = site.rows(numbers)
    database.go_back(remembered)
    site.register("chumki")
    ((access_now, changes_now),) = site.rows(numbers)
    assert access_now > access
    assert changes_now > changes


def test_a_block_of_lost_visits_is_not_stored(site, database, monkeypatch):
    monkeypatch.setattr(blocks, "MAX_BLOCK_ROWS", 1)
    columns = site.services[Columns]
    sums, database_of_site = columns._sums, columns._writer._database
    columns.catch_up()
    remembered = database.remember()
    site.register("badal", page="/lost")
    site.register("badal", page="/lost")
    state, unsaved, _ = database_of_site.scan(sums.read_some)
    assert unsaved
    database.go_back(remembered)
    save = partial(database_of_site.write, block_queries.save, state, sums.rules, unsaved)
    with suppress(LedgerUnavailable):  # its connection belonged to the earlier database
        save()
    for _ in range(2):
        save()
        assert site.rows("SELECT first FROM visit_blocks WHERE last > 1") == []
        site.register("chumki", page="/next")
    columns.catch_up()
    assert site.recount() == []


def test_cached_values_without_a_version_are_forgotten_after_a_rollback(site, database):
    anonymity, nightly = site.services[Anonymity], site.services[Nightly]
    active_peak = site.services[ActivePeak]
    remembered = database.remember()
    site.register("badal")
    with suppress(LedgerUnavailable):  # PostgreSQL copies a database only without connections
        anonymity.names("ayesha")
    secret = anonymity.names("ayesha")
    anonymity.sweep()
    active_peak.measure()
    active_peak.write()
    site.services[VersionLog].record()
    nightly._work._done_for = "2025-12-16"
    database.go_back(remembered)
    site.register("chumki")
    assert anonymity.names("ayesha") != secret
    assert nightly._work._done_for == ""
    site.services[VersionLog].record()
    active_peak.write()
    assert site.rows("SELECT people FROM peaks WHERE scope = 'site'") == [(2,)]
    assert site.rows("SELECT count(*) FROM audit_log WHERE action = 'server.version'") == [(1,)]
