"""Connects to Redis: one server, the master that Sentinels name, or a cluster; with the time limits of all calls."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import NoScriptError
from redis.retry import Retry
from redis.sentinel import Sentinel

from koyjabo.cluster.redis_client import Command, RedisClient, connection_of, run_on, run_together
from koyjabo.cluster.redis_cluster import ClusterClient
from koyjabo.settings.redis_url import RedisAddress, RedisKind, parse

log = logging.getLogger(__name__)

PATIENCE_S = 1.0
WATCH_S = 1.0
"""The interval in which a Sentinel is asked for the master."""

KEEPALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 2}  # s, s, probes: detects a dead peer in 15 s


def connect(url: str) -> RedisClient:
    """Raises ValueError for a URL that cannot be read."""
    address = parse(url)
    if address.kind is RedisKind.CLUSTER:
        return ClusterClient(address.urls, server)
    if address.kind is RedisKind.SENTINEL:
        return SentinelClient(_by_sentinels(address))
    return ServerClient(server(address.urls[0]))


def server(url: str) -> redis.Redis:
    """A client of the one server at `url`."""
    return redis.Redis.from_url(url, **_limits(url))


def _limits(url: str) -> dict[str, Any]:
    options = {getattr(socket, name): value for name, value in KEEPALIVE.items() if hasattr(socket, name)}
    more = {} if url.startswith("unix://") else {"socket_keepalive": True, "socket_keepalive_options": options}
    return {
        "socket_timeout": PATIENCE_S,
        "socket_connect_timeout": PATIENCE_S,
        "retry": Retry(NoBackoff(), 1),  # for a pooled connection that a restart of Redis has closed
        **more,
    }


def _by_sentinels(address: RedisAddress) -> redis.Redis:
    """A client that asks the Sentinels, before it connects, which server is the master."""
    options = {**_limits(address.urls[0]), **_options(address.urls[0])}
    if options.pop("connection_class", None) is not None:  # redis-py's way to say TLS
        options["ssl"] = True
    hosts = [(each["host"], each["port"]) for each in map(_options, address.urls)]
    of_redis = {name: options[name] for name in options.keys() - {"host", "port"}}
    of_sentinels = {name: of_redis[name] for name in of_redis.keys() - {"db", "username", "password"}}
    sentinels = Sentinel(hosts, sentinel_kwargs={**of_sentinels, **address.sentinel_options})  # type: ignore[no-untyped-call]
    found: redis.Redis = sentinels.master_for(address.service, **of_redis)  # type: ignore[no-untyped-call]
    return found


def _options(url: str) -> dict[str, Any]:
    return dict(parse_url(url))  # type: ignore[no-untyped-call]


class ServerClient:
    """One server: a single shard without a name."""

    publish_to_room, subscribe_to_room = "PUBLISH", "SUBSCRIBE"
    shards = frozenset({""})

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self.on_learned: Callable[[], object] = lambda: None

    def shard_of(self, key: str) -> str:
        return ""

    def origin_of(self, key: str) -> str:
        return ""

    def run(self, command: Command) -> Any:
        return run_on(self._client, command)

    def run_all(self, commands: Sequence[Command]) -> list[Any]:
        if len(commands) == 1:
            return [self.run(commands[0])]
        answers = run_together(self._client, commands)
        for at, answer in enumerate(answers):
            if isinstance(answer, NoScriptError):
                answers[at] = self.run(commands[at])
            elif isinstance(answer, Exception):
                raise answer
        return answers

    run_each = run_all  # there are no slots

    def ping(self, shard: str = "") -> object:
        return self._client.ping()

    def new_connection(self, shard: str) -> Any:
        return connection_of(self._client)

    def serves(self, connection: Any) -> bool:
        return True

    def watch(self) -> None:
        pass

    def learn(self, failed: str = "") -> None:
        pass

    def close(self) -> None:
        self._client.close()


class SentinelClient(ServerClient):
    """The master that Sentinels name.

    A master that was frozen while another one was promoted goes on serving for seconds when it thaws: until a Sentinel
    demotes it, only the Sentinels know. So they are asked regularly, and not just for each new connection.
    """

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self._pool: Any = client.connection_pool  # a SentinelConnectionPool, which redis-py does not type
        self._is_closed = False

    def origin_of(self, key: str) -> str:
        return str(self._pool.master_address or "")

    def serves(self, connection: Any) -> bool:
        return bool((connection.host, connection.port) == self._pool.master_address)

    def watch(self) -> None:
        """Until it is closed. The pool closes connections to another master than the one that it has found."""
        while not self._is_closed:
            time.sleep(WATCH_S)
            before = self._pool.master_address
            try:
                found = self._pool.get_master_address()
            except (redis.RedisError, OSError) as error:
                log.info("sentinels_unavailable cause=%r", str(error))
                continue
            if before not in (None, found):
                log.warning("redis_master_changed master=%s:%s", *found)

    def close(self) -> None:
        self._is_closed = True
        super().close()
