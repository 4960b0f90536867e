"""What the panel says of the server."""

from __future__ import annotations

import json

import pytest
from support.app_fixtures import SECRET, Site
from support.community_calls import site_admin

from koyjabo.identity import Account
from koyjabo.installation import VERSION
from koyjabo.maintenance.system_status import SETTINGS, SOCKET_KINDS, Facts

SECRETS = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "ADMIN_EMAIL", "ADMIN_PASSWORD", "GEOIP_DATABASE")


@pytest.fixture
def site(database, monkeypatch):
    monkeypatch.setattr("os.path.ismount", lambda _: False)  # the tests' files may lie on a disk of their own
    with Site(database.url, STARTING_TOTAL=4000) as site:
        yield site


def look(site: Site, admin: Account) -> Facts:
    return site.services.maintenance.system.status(admin)


def test_facts_are_those_of_this_server(site, admin, kind):
    facts = look(site, admin)
    assert facts.version == VERSION
    assert facts.database.kind == {"sqlite": "SQLite", "postgres": "PostgreSQL"}[kind]
    assert facts.database.survives_deploy == (kind == "postgres")
    assert 0 < facts.database_ms < 5000
    assert (facts.has_redis, facts.redis_ms) == (False, None)
    assert (facts.starting_total, facts.last_recount) == (4000, None)
    (worker,) = facts.workers
    assert worker.memory_kb > 10_000
    assert worker.sockets == dict.fromkeys(SOCKET_KINDS, 0)
    assert worker.started_ms == worker.seen_ms == site.time.ms


def test_settings_that_are_shown_hold_no_secret(site, admin):
    facts = look(site, admin)
    assert tuple(facts.settings) == SETTINGS
    assert not set(SETTINGS) & set(SECRETS)
    assert facts.settings["TIMEZONE"] == "Asia/Dhaka"
    shown = json.dumps(facts._asdict(), default=str)
    assert SECRET not in shown
    assert str(site.database_url).rpartition("/")[2] not in shown


def test_starting_total_stays_what_it_was(site, admin):
    site.set_total(5000)
    site.services.maintenance.total.set_total(admin, 6000, "moved house")
    facts = look(site, admin)
    assert facts.starting_total == 4000
    told = [(each.total_before, each.total_after, each.reason) for each in facts.adjustments]
    assert told == [(5000, 6000, "moved house"), (4000, 5000, "koyjabo total set"), (0, 4000, "STARTING_TOTAL")]


def test_total_that_is_set_later_is_no_starting_total_whatever_its_reason(database):
    with Site(database.url) as site:
        site.register()
        admin = site_admin(site)
        site.services.maintenance.total.set_total(admin, 6000, "STARTING_TOTAL")
        assert look(site, admin).starting_total == 0
