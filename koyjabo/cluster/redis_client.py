"""Makes Redis clients with the time-outs that all calls share."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from koyjabo.cluster.outbox import RedisOutbox
from koyjabo.core.runtime import Runtime

PATIENCE_S = 1.0
KEEPALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 2}  # s, s, probes: detects a dead peer in 15 s


def connect(url: str) -> redis.Redis:
    """Return a client of the Redis at `url`. It connects on the first call; a call fails after PATIENCE_S."""
    options = {getattr(socket, name): value for name, value in KEEPALIVE.items() if hasattr(socket, name)}
    more = {} if url.startswith("unix://") else {"socket_keepalive": True, "socket_keepalive_options": options}
    return redis.Redis.from_url(
        url,
        socket_timeout=PATIENCE_S,
        socket_connect_timeout=PATIENCE_S,
        retry=Retry(NoBackoff(), 1),  # for a pooled connection that a restart of Redis has closed
        **more,
    )


class SharedRedis(NamedTuple):
    """The Redis of all workers: a client for reads, and what is sent in the background."""

    client: redis.Redis
    outbox: RedisOutbox


def share(url: str, runtime: Runtime, on_return: Callable[[], object]) -> SharedRedis:
    client = connect(url)
    return SharedRedis(client, RedisOutbox(runtime, client.ping, on_return))
