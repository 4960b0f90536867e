"""The high-water marks in Redis. Their key contains the database's name, so that a new database on the same Redis is
not confused with the old one. They do not expire. The PostgreSQL timelines seen so far (`base.database.timelines`) are
also kept in Redis.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any

import redis

from koyjabo.base.cluster import redis_client
from koyjabo.base.cluster.outbox import RedisOutbox
from koyjabo.base.cluster.redis_client import RedisClient, connect
from koyjabo.base.cluster.workers import Workers
from koyjabo.base.cluster.workers_redis import WORKER_KEYS
from koyjabo.base.database.timelines import TIMELINES, ServerTimeline
from koyjabo.base.models import SITE, Scope
from .high_water import HighWater, HighWaterMark, SharedHighWater

WORKERS_KEY = WORKER_KEYS[0]
TIMELINES_KEY = "koyjabo:timelines"  # a set of "system accepted_ms timeline"
ASK_S = 1.0
REPLY_POLL_S = 0.01

SCOPES_PER_CALL = 1000
"""Number of scopes per call. Redis serves no other clients during a call."""

REPLIES_EXPIRE_S = 10


class RedisHighWater(SharedHighWater):
    """`database` is the name of the database (`models.DatabaseIdentity`)."""

    def __init__(
        self, client: RedisClient, outbox: RedisOutbox, workers: Workers, high_water: HighWater, database: str
    ) -> None:
        self._client = client
        self._workers = workers
        self._high_water = high_water
        self._key = f"koyjabo:{{{database}}}:high_water"
        self._outbox = outbox
        self._script = redis_client.load(client, __file__, "high_water")

    def load(self) -> None:
        try:
            stored: Mapping[bytes, bytes] = self._client.run("HGETALL", self._key)
            self._high_water.merge({Scope(scope.decode()): _parse(mark) for scope, mark in stored.items()})
            load_timelines(self._client)
        except (redis.RedisError, OSError, ValueError):
            return  # the next renewal loads at least the site's mark

    def renew(self) -> None:
        """Also loads the timelines that other workers have seen."""
        self._outbox.send_newest("high_water", self._share)
        if TIMELINES.newest():
            self._outbox.send_newest("timelines", self._share_timelines)

    def gather(self, ask: Callable[[str], object]) -> None:
        if not self._outbox.reachable:
            return
        request = uuid.uuid4().hex
        ask(request)
        until = time.monotonic() + ASK_S
        try:
            others = self._words(WORKERS_KEY, "HKEYS") - {self._workers.own_id.encode()}
            while time.monotonic() < until and not others <= self._words(self._replies_key(request), "SMEMBERS"):
                time.sleep(REPLY_POLL_S)
            self.load()
        except (redis.RedisError, OSError):
            pass  # Redis became unreachable, so this process continues with the marks it knows

    def reply(self, request: str) -> None:
        self._outbox.send_in_order(partial(self._reply, request))

    def renew_all(self) -> None:
        self._high_water.unshare()
        self.renew()

    def replace(self, known: Iterable[Scope], standing: Mapping[Scope, HighWaterMark]) -> None:
        gone = [scope for scope in known if scope not in standing]
        if gone:
            self._outbox.send_in_order(partial(self._client.run, "HDEL", self._key, *gone))
        self.renew()

    # The following methods run in the outbox's task.

    def _share_timelines(self) -> None:
        known = [" ".join(map(str, server)) for server in TIMELINES.newest()]
        self._client.run("SADD", TIMELINES_KEY, *known)
        load_timelines(self._client)

    def _share(self) -> None:
        """Always loads the site's mark, because a worker that commits nothing needs it as well."""
        for piece in [*_pieces(self._high_water.unshared())] or [{}]:
            site = self._script([self._key], [value for scope, mark in piece.items() for value in (scope, *mark)])
            self._high_water.shared(piece)
            if site:
                self._high_water.merge({SITE: _parse(site)})

    def _reply(self, request: str) -> None:
        """Share all marks again at another worker's request, because Redis may have lost some.

        A commit above these marks is looked up again before it is acknowledged (`HighWater.rounds`).
        """
        self._high_water.rounds += 1
        self._high_water.unshare()
        self._share()
        replies = self._replies_key(request)
        self._client.run_all([("SADD", replies, self._workers.own_id), ("EXPIRE", replies, REPLIES_EXPIRE_S)])

    def _words(self, key: str, command: str) -> set[bytes]:
        return set(self._client.run(command, key))

    def _replies_key(self, request: str) -> str:
        return f"{self._key}:{request}"


def load_timelines(client: RedisClient) -> None:
    """Load the timelines that other workers have seen. Raises redis.RedisError.

    Timelines are stored by database system rather than by database, because an old primary may have another name for
    its database.
    """
    for member in client.run("SMEMBERS", TIMELINES_KEY):
        TIMELINES.note(ServerTimeline._make(map(int, member.split())))


def learn_timelines(redis_url: str) -> None:
    """Load the timelines when a process starts. May block. If Redis does not respond, none are loaded."""
    client = connect(redis_url)
    with suppress(redis.RedisError, OSError):
        load_timelines(client)
    client.close()


def _pieces(marks: dict[Scope, HighWaterMark]) -> Iterator[dict[Scope, HighWaterMark]]:
    rest = iter(marks.items())
    while piece := dict(islice(rest, SCOPES_PER_CALL)):
        yield piece


def _parse(mark: Any) -> HighWaterMark:
    return HighWaterMark._make(map(int, mark.split()))
