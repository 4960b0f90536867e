"""Servers whose database is rolled back, and the highest values that they remember in Redis."""

import pytest
from support.assertions.ledger import assert_verified
from support.clients.members import Member
from support.clients.worker_connections import assert_never_fell, flat, pages, two_workers, worker_connections
from support.faults.failing_programs import SERVE, written

from koyjabo.base.cluster.outbox import RedisOutbox
from koyjabo.base.cluster.redis_client import connect
from koyjabo.base.cluster.workers_redis import RedisWorkers
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.models import SITE, Scope
from koyjabo.counting.high_water import HighWater, HighWaterMark
from koyjabo.counting.high_water_redis import RedisHighWater

VISITS, CLIENTS = 60, 8
PATIENT = f"""
from koyjabo.counting import high_water_redis
high_water_redis.ASK_S = 60.0
{SERVE}
"""
"""A program whose workers wait a minute for what the others have acknowledged."""
LOST = "SELECT scope, total_before, total_after FROM adjustments WHERE kind = 'rolled_back'"


def assert_totals_never_fell(page):
    """Assert that totals never fell, even into a new epoch."""
    assert_never_fell(page)
    totals = [stats.total for stats in page.updates]
    assert totals == sorted(totals)


def test_all_workers_continue_above_the_last_acknowledged_visit(sqlite_database, new_server, disposable_redis):
    server = two_workers(new_server(sqlite_database, REDIS_URL=disposable_redis.url))
    with worker_connections(server) as (one, other), pages(server) as open_pages:
        epoch = one.register("ayesha").stats.epoch
        remembered = sqlite_database.remember()
        for _ in range(3):
            shown = one.register("ayesha").ordinal  # the other worker has not acknowledged these
        for page in flat(open_pages):
            page.wait_for_total(shown)
        sqlite_database.go_back(remembered)

        assert other.register("ayesha").ordinal == shown + 1
        assert one.register("ayesha").ordinal == shown + 2
        for page in flat(open_pages):
            page.wait_for(lambda stats: stats.epoch > epoch and stats.total == shown + 2, "the newest total")
            assert_totals_never_fell(page)
    assert sqlite_database.rows(LOST) == [("site", 1, shown)]
    assert_verified(server)


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
def test_a_worker_asks_the_others_before_it_commits_on_another_database_server(
    database, tmp_path, new_server, disposable_redis
):
    """It cannot know the other server's last visits by itself."""
    server = new_server(database, REDIS_URL=disposable_redis.url)
    server.program = written(tmp_path, PATIENT)
    two_workers(server)
    with worker_connections(server) as (one, other):
        assert [one.register("ayesha").ordinal, other.register("ayesha").ordinal] == [1, 2]
        remembered = database.remember()
        given = []
        while len(given) < 3:  # the first requests find the old connections
            status, answer = one.ask("POST", "/api/visitor/register", {"visitorId": "ayesha"})
            given += [answer["visit"]["ordinal"]] if status == 200 else []
        database.go_back(remembered)
        while (answer := other.ask("POST", "/api/visitor/register", {"visitorId": "ayesha"}))[0] == 503:
            pass
        assert (given, answer[1]["visit"]["ordinal"]) == ([3, 4, 5], 6)
    assert database.rows(LOST) == [("site", 2, 5)]


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
def test_a_restarted_server_finds_the_totals_that_it_has_acknowledged_in_redis(database, new_server, disposable_redis):
    """Communities' highest values are only read at startup."""
    server = new_server(database, REDIS_URL=disposable_redis.url).start()
    community = Member(server).found()
    server.register("ayesha", communityId=community)
    remembered = database.remember()
    acknowledged = [server.register("ayesha", communityId=community) for _ in range(3)][-1]
    server.stop()
    database.go_back(remembered)
    server.start()
    assert server.stats().total == acknowledged.ordinal
    assert server.stats().epoch > acknowledged.stats.epoch
    assert server.register("ayesha", communityId=community).ordinal == acknowledged.ordinal + 1
    assert sorted(database.rows(LOST)) == sorted([("site", 1, 4), (community, 1, 4)])


def test_a_worker_shares_its_acknowledged_totals_again_after_redis_has_lost_its_data(redis_server):
    client, acknowledged, gathered = connect(redis_server.url), HighWater(), HighWater()
    outbox = RedisOutbox(ThreadRuntime(), client, lambda: None)
    one, other = (
        RedisHighWater(client, outbox, RedisWorkers(client, outbox), marks, "a database")
        for marks in (acknowledged, gathered)
    )
    acknowledged.merge({SITE: HighWaterMark(1, 100, 100), Scope("mirpur"): HighWaterMark(1, 50, 50)})
    one.renew()
    outbox.drain()
    with redis_server.client() as redis:
        redis.flushall()
    one.reply("what have you acknowledged?")
    outbox.drain()
    other.load()
    assert gathered.all() == acknowledged.all()
    client.close()
