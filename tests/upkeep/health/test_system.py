"""Facts about the server that the Health and Data pages show."""

import json
import time

import pytest
from support.application.site import SECRET, Site

from koyjabo.base.cluster.workers import SOCKET_KINDS
from koyjabo.base.core.identity import OPERATOR, Account
from koyjabo.base.database.startup_queries import NEWEST_REVISION
from koyjabo.upkeep.health.system import Data, System


@pytest.fixture
def site(database, monkeypatch):
    monkeypatch.setattr("os.path.ismount", lambda _: False)  # the tests' files may be on a separate disk
    with Site(database.url, STARTING_TOTAL=4000) as site:
        yield site


def data(site: Site, admin: Account = OPERATOR) -> Data:
    return site.services[System].data(admin)


def test_unsafe_settings_of_postgres_are_found(postgres):
    """The PostgreSQL of the tests runs without these settings, to be fast."""
    with Site(postgres.new_database().url) as site:
        assert site.services[System].facts(OPERATOR).database.unsafe == ("fsync", "full_page_writes")


def test_facts_describe_this_server_without_secrets(site, admin, kind):
    site.register("ayesha")
    began = time.monotonic()
    facts = site.services[System].facts(admin)
    took_ms = (time.monotonic() - began) * 1000
    assert facts.installation.kind == {"sqlite": "SQLite", "postgres": "PostgreSQL"}[kind]
    assert facts.installation.survives_deploy == (kind == "postgres")
    assert (facts.database.schema, facts.database.visits) == (NEWEST_REVISION, 1)
    assert facts.database.bytes > 100_000
    assert facts.database.newest_commit_ms >= site.time.ms
    assert (facts.clock_off_ms is None) == (kind == "sqlite")
    assert 0 < facts.database_ms <= took_ms + 1
    assert 0 < facts.disk.free < facts.disk.total
    assert (facts.installation.has_redis, facts.redis_ms) == (False, None)
    (worker,) = facts.workers
    assert worker.memory_kb > 10_000
    assert worker.sockets == dict.fromkeys(SOCKET_KINDS, 0)
    assert worker.started_ms == worker.seen_ms == site.time.ms
    shown = json.dumps([facts._asdict(), data(site)._asdict()], default=str)
    assert SECRET not in shown
