"""Highest values that workers share in Redis, which may lose them at any time."""

from koyjabo.base.cluster.outbox import RedisOutbox
from koyjabo.base.cluster.redis_client import connect
from koyjabo.base.cluster.workers_redis import RedisWorkers
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.models import SITE, Scope
from koyjabo.counting.high_water import HighWater, HighWaterMark
from koyjabo.counting.high_water_redis import RedisHighWater


def test_worker_shares_all_marks_again_when_redis_has_lost_them(redis_server):
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
