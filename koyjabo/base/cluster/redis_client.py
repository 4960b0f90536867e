"""The Redis client, for a single server or for the master named by Sentinels. It has time limits for all calls, and
support for Lua scripts.
"""

import hashlib
import logging
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import AuthorizationError, NoScriptError
from redis.retry import Retry
from redis.sentinel import Sentinel

from koyjabo.base.core.errors import Unusable
from koyjabo.base.settings.redis_url import NO_CLUSTER, RedisAddress, parse

log = logging.getLogger(__name__)

REDIS_PATIENCE_S = 1.0
WATCH_S = 1.0
"""How often a Sentinel is asked for the master, s."""

REDIS_REFUSALS = (redis.ResponseError, redis.AuthenticationError, AuthorizationError)
"""Errors of a Redis that responds: a wrong password, a missing right, no memory, a replica."""

CLUSTER_REPLIES = {"MOVED", "ASK", "CLUSTERDOWN", "CROSSSLOT", "TRYAGAIN"}
"""First words of the errors that only a node of a cluster replies."""

MAX_PAUSE_S = 10.0
"""Longest pause after a refusal, s."""

PROBE = "return redis.call('SET', KEYS[1], '', 'PX', 1000)"
PROBES = (("EVAL", PROBE, 1, "koyjabo:probe"), ("PUBLISH", "koyjabo:workers", ""))
"""A command of each kind that this program needs. Workers ignore the empty message."""

KEEPALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 2}  # s, s, probes: detects a dead peer in 15 s


def connect(url: str) -> "RedisClient":
    """Create the client, which connects later. Raises ValueError for an invalid URL."""
    address = parse(url)
    if address.service:
        return SentinelClient(_by_sentinels(address))
    return RedisClient(redis.Redis.from_url(address.urls[0], **_limits(url)))


def cause_of_error(error: Exception) -> str:
    """The error in Redis' own words. redis-py leaves out the first word of many replies."""
    first, text = getattr(error, "status_code", None) or "", str(error)
    if first in CLUSTER_REPLIES:
        return NO_CLUSTER
    return text if text.startswith(first) else f"{first} {text}"


def _limits(url: str) -> dict[str, Any]:
    options = {getattr(socket, name): value for name, value in KEEPALIVE.items() if hasattr(socket, name)}
    more = {} if url.startswith("unix://") else {"socket_keepalive": True, "socket_keepalive_options": options}
    return {
        "socket_timeout": REDIS_PATIENCE_S,
        "socket_connect_timeout": REDIS_PATIENCE_S,
        "retry": Retry(NoBackoff(), 1),  # for a pooled connection closed by a Redis restart
        **more,
    }


def _by_sentinels(address: RedisAddress) -> redis.Redis:
    """A client that asks the Sentinels for the current master before it connects."""
    options = {**_limits(address.urls[0]), **_options(address.urls[0])}
    if options.pop("connection_class", None) is not None:  # redis-py's way to request TLS
        options["ssl"] = True
    hosts = [(options["host"], options["port"]) for options in map(_options, address.urls)]
    of_redis = {name: options[name] for name in options.keys() - {"host", "port"}}
    of_sentinels = {name: of_redis[name] for name in of_redis.keys() - {"db", "username", "password"}}
    sentinels = Sentinel(hosts, sentinel_kwargs={**of_sentinels, **address.sentinel_options})  # type: ignore[no-untyped-call]
    current: redis.Redis = sentinels.master_for(address.service, **of_redis)  # type: ignore[no-untyped-call]
    return current


def _options(url: str) -> dict[str, Any]:
    return dict(parse_url(url))  # type: ignore[no-untyped-call]


class RedisClient:
    """A Redis client that connects on its first command. A command that gets no response raises redis.RedisError or
    OSError after about a second.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._refusals: dict[str, str] = {}  # by task, as are the next ones
        self._pauses_s: dict[str, float] = {}
        self._logged: set[str] = set()  # codes of the refusals that are in the log, until Redis refuses nothing
        self.is_closed = False

    @property
    def refusal(self) -> str:
        """Why Redis refuses one of this worker's tasks, in its own words; "" if it refuses none."""
        return next(iter(self._refusals.copy().values()), "")

    def note(self, task: str, error: Exception | None = None) -> float:
        """Note how a task's last command ended. Logs each kind of refusal once until nothing is refused.

        Returns how long the task pauses before its next command, s: 1 after its first refusal, then twice as long each
        time. Returns 0 if Redis does not refuse the command.
        """
        # For redis-py, "ERR max number of clients reached" is an error of the connection.
        is_refused = isinstance(error, REDIS_REFUSALS) or getattr(error, "status_code", None) == "ERR"
        if error is None or not is_refused:
            self._refusals.pop(task, None)
            self._pauses_s.pop(task, None)
            if not self._refusals:
                self._logged.clear()
            return 0
        cause = self._refusals[task] = cause_of_error(error)
        if (code := cause.partition(" ")[0]) not in self._logged:
            self._logged.add(code)
            log.error("redis_refused cause=%r", cause)
        pause_s = self._pauses_s[task] = min(MAX_PAUSE_S, 2 * self._pauses_s.get(task, 0.5))
        return pause_s

    def origin(self) -> str:
        """The name of the current server. After it changes, the data may be older. Does not block."""
        return ""

    def run(self, *words: Any) -> Any:
        """Run a command."""
        return self._client.execute_command(*words)  # type: ignore[no-untyped-call]

    def run_all(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Run commands in one round trip. Raises the first error after all commands have been run."""
        with self._client.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)  # type: ignore[no-untyped-call]
            return pipe.execute()

    def probe(self) -> None:
        """Check that Redis responds and allows what this program needs. Raises redis.RedisError or OSError."""
        for command in PROBES:
            self.run(*command)

    def refuse_cluster(self) -> None:
        """Raises Unusable if the server is a node of a cluster. Accepts a server that is down or does not say."""
        with suppress(redis.RedisError, OSError):
            if self.run("INFO", "cluster").get("cluster_enabled"):
                raise Unusable(NO_CLUSTER)

    def new_connection(self) -> Any:
        """A new redis-py connection for subscriptions, not yet connected. It does not count towards the pool's
        limit.
        """
        pool = self._client.connection_pool
        return pool.connection_class(**pool.connection_kwargs)

    def serves(self, connection: Any) -> bool:
        """Whether a connection's server is still the one to use. Does not block."""
        return True

    def watch(self) -> None:
        """With Sentinels, ask for the master regularly. Run this in its own task."""

    def close(self) -> None:
        """Close the connections, and end the tasks that watch and listen."""
        self.is_closed = True
        self._client.close()


class SentinelClient(RedisClient):
    """The client for the master named by Sentinels. A master that was frozen while another one was promoted continues
    to serve for some seconds, until a Sentinel demotes it. So the Sentinels are asked regularly, not only for new
    connections.
    """

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self._pool: Any = client.connection_pool  # a SentinelConnectionPool, which redis-py does not type

    def origin(self) -> str:
        return str(self._pool.master_address or "")

    def serves(self, connection: Any) -> bool:
        return bool((connection.host, connection.port) == self._pool.master_address)

    def watch(self) -> None:
        """Watch until closed. The pool closes connections to all servers other than the current master."""
        is_logged = False  # until a Sentinel responds
        while not self.is_closed:
            time.sleep(WATCH_S)
            before = self._pool.master_address
            try:
                current = self._pool.get_master_address()
            except (redis.RedisError, OSError) as error:
                if not is_logged:
                    log.info("sentinels_unavailable cause=%r", cause_of_error(error))
                is_logged = True
                continue
            is_logged = False
            if before not in (None, current):
                log.warning("redis_master_changed master=%s", "{}:{}".format(*current))


class Script:
    """A Lua script. Call it with its keys and its arguments."""

    def __init__(self, client: RedisClient, text: str) -> None:
        self._client = client
        self._text = text
        self._digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        try:
            return self._client.run("EVALSHA", self._digest, len(keys), *keys, *arguments)
        except NoScriptError:  # the server was restarted or has just been promoted
            return self._client.run("EVAL", self._text, len(keys), *keys, *arguments)

    def call_all(self, calls: Sequence[tuple[Sequence[str], Sequence[Any]]]) -> list[Any]:
        """Run several calls, in one round trip once the server knows the script. A call may run twice."""
        if len(calls) > 1:
            try:
                return self._client.run_all(
                    [("EVALSHA", self._digest, len(keys), *keys, *arguments) for keys, arguments in calls]
                )
            except NoScriptError:
                pass
        return [self(keys, arguments) for keys, arguments in calls]


def load(client: RedisClient, module: str, name: str) -> Script:
    """The script `name`.lua from the folder of the file `module`."""
    return Script(client, Path(module).with_name(f"{name}.lua").read_text(encoding="utf-8"))
