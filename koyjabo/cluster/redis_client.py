"""Makes Redis clients with the time-outs that all calls share, and loads the Lua scripts of packages."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import redis
from redis import Redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
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


def load(client: Redis, beside: str, name: str) -> Script:
    """Register the script `name`.lua from the folder of the file `beside`. Call the result with keys and arguments.

    The client loads the script again when Redis has lost it.
    """
    return client.register_script(Path(beside).with_name(f"{name}.lua").read_text(encoding="utf-8"))
