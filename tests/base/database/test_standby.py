"""PostgreSQL with a promoted standby, and an old primary that returns."""

from collections.abc import Iterator

import pytest
from support.application.site import Site
from support.databases.database import PostgresDatabase
from support.databases.replication import Replication
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.programs.threads import in_thread
from support.servers.server import Server

from koyjabo.base.cluster import redis_client
from koyjabo.base.cluster.outbox import RedisOutbox
from koyjabo.base.cluster.workers_redis import RedisWorkers
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.database.batch_worker import STUCK_S, WATCH_INTERVAL_S
from koyjabo.base.database.outage_causes import CAUSE_STANDBY, cause_of
from koyjabo.base.database.postgres import SHORT_TIMEOUT_S, Unreachable, connect
from koyjabo.base.database.timelines import ServerTimeline, Timelines
from koyjabo.counting import high_water_redis
from koyjabo.counting.high_water import HighWater
from koyjabo.counting.high_water_redis import RedisHighWater
from koyjabo.upkeep.health.health import Health
from koyjabo.upkeep.health.queries import Standbys

PROMISED_S = 10  # promised time from when the promoted server accepts writes until our server counts


@pytest.fixture
def pair(postgres) -> Iterator[Replication]:
    made = Replication(postgres)
    yield made
    made.close()


@pytest.fixture
def database(pair) -> PostgresDatabase:
    return pair.new_database()


@pytest.fixture
def server(pair, database, new_server) -> Server:
    """A server that knows both hosts, the primary first."""
    return new_server(database, DATABASE_URL=pair.url_of(database.name)).start()


LOST = "SELECT scope, total_before, total_after FROM adjustments WHERE kind = 'rolled_back'"


def counts_again(server: Server, visit: str) -> None:
    wait_until(lambda: server.post_visit("ayesha", visit).ok, "a visit is acknowledged")


def readiness(server: Server) -> str:
    return str(server.get("/readyz").json()["checks"]["database"])


def test_a_promoted_standby_takes_over_and_its_old_primary_is_not_used(pair, database, server):
    """No restart is needed. The old primary is first in DATABASE_URL. It is frozen, and later accepts writes. The sum
    of all timeouts for a frozen primary is shorter than promised.
    """
    assert STUCK_S + WATCH_INTERVAL_S + SHORT_TIMEOUT_S < PROMISED_S
    assert [server.register("ayesha", visit).ordinal for visit in "123"] == [1, 2, 3]
    pair.wait_until_in_step()
    with pytest.raises(Unreachable) as refused:
        connect(pair.standby.url_of(database.name))
    assert cause_of(refused.value) == CAUSE_STANDBY
    with pair.primary.frozen():
        first = in_thread(lambda: server.post_visit("ayesha", "4").status_code)
        pair.standby.promote()
        counts_again(server, "4")
        assert first.result(PATIENCE_S) in (200, 503)
        assert server.register("ayesha", "4").ordinal == 4
    pair.standby.database(database.name).cut_connections()
    assert server.register("ayesha", "5").ordinal == 5
    pair.standby.kill()
    wait_until(lambda: "timeline 2 was seen" in readiness(server), "the readiness says why the server is not used")
    refused = server.post_visit("ayesha", "6")
    assert (refused.status_code, refused.json()["code"]) == (503, "ledger_unavailable")
    assert server.stats().stale
    assert server.koyjabo("ledger", "accept").returncode == 0
    counts_again(server, "6")
    # The frozen server had received the fourth visit, and stored it later.
    assert database.rows("SELECT ordinal FROM visits ORDER BY id") == [(1,), (2,), (3,), (4,), (6,)]
    assert database.rows(LOST) == [("site", 4, 5)]
    assert "Traceback" not in server.log


def test_a_starting_worker_learns_from_redis_which_timelines_other_workers_have_seen(redis_server, monkeypatch):
    client = redis_client.connect(redis_server.url)
    outbox = RedisOutbox(ThreadRuntime(), client, lambda: None)
    shared = RedisHighWater(client, outbox, RedisWorkers(client, outbox), HighWater(), "a database")
    one, other = Timelines(), Timelines()
    one.note(ServerTimeline(7, 0, 2))
    monkeypatch.setattr(high_water_redis, "TIMELINES", one)
    shared.renew()
    outbox.drain()
    monkeypatch.setattr(high_water_redis, "TIMELINES", other)
    shared.load()
    assert not other.admits(ServerTimeline(7, 0, 1))
    assert "timeline 2 was seen" in other.refusal
    assert other.admits(ServerTimeline(7, 1, 1)), "an operator has accepted it"


@pytest.mark.long(proved_by="upkeep/health/test_health_warnings.py::test_each_bad_fact_causes_one_warning")
def test_the_health_report_counts_standbys_and_synchronous_standbys(pair, database):
    with Site(database.url) as site:
        assert standbys(site) == Standbys(1, 0, 0)
        pair.primary.set_("synchronous_standby_names", "standby")
        wait_until(lambda: standbys(site) == Standbys(1, 0, 1), "the standby is synchronous")
    pair.primary.execute("CREATE ROLE app LOGIN", f"ALTER DATABASE {database.name} OWNER TO app")
    for kind in ("TABLES", "SEQUENCES"):
        database.rows(f"GRANT ALL ON ALL {kind} IN SCHEMA public TO app")
    with Site(database.url.replace("postgres@", "app@")) as site:
        assert standbys(site) == Standbys(1, 1, 0)
        pair.primary.execute("GRANT pg_read_all_stats TO app")
        assert standbys(site) == Standbys(1, 0, 1)


def standbys(site: Site) -> Standbys:
    return site.services[Health].facts(OPERATOR, False).stored.database.standbys
