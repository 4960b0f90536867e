"""How holds are told to Redis, and what it answers: hold.lua and people.lua from Python's side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import redis

from koyjabo.cluster import scripts
from koyjabo.models import Scope
from koyjabo.presence.members.online_members import Here
from koyjabo.presence.members.own_connections import MOST_TOLD

BATCH = 500
"""People that one call says, and leases that it sweeps, at most: Redis serves nobody else meanwhile."""

LEASE_S = 10
"""How long Redis believes a worker that says nothing; it renews at half the time (specification: promise 5)."""

KEEP_FOR_LEASES = 6
"""What is left in Redis of a scope that nobody asks about goes by itself, and never before its people are gone."""

GONE = -1


class Said(NamedTuple):
    """What a worker says of one person."""

    person: str
    lines: int  # that are up; GONE when the worker holds no place for them any more
    since_ms: int


class Request(NamedTuple):
    scope: Scope
    seen_version: int  # the greatest one known here: Redis goes on from there, should it have lost its own
    said: Sequence[Said]

    @property
    def cost(self) -> int:
        return 1 + len(self.said)


class Answer(NamedTuple):
    version: int
    born: int  # ms: which data these are; 0 when there are none
    people: int
    leases: int  # of this worker
    unswept: int  # 1 when there are more to sweep: the count is not yet that of who is here
    elsewhere: list[int]  # for each one said: 1 if another worker holds a place for them, too


class HoldScript:
    """Raises redis.RedisError."""

    def __init__(self, client: redis.Redis, worker: str) -> None:
        self._client = client
        self._worker = worker
        self._hold = scripts.load(client, __file__, "hold")
        self._people = scripts.load(client, __file__, "people")

    def ask(self, requests: Sequence[Request]) -> list[Answer]:
        """Each is one step; all of them are one way to Redis and back."""
        if len(requests) == 1:
            return [Answer(*self._hold(_keys(requests[0].scope, ALL), self._arguments(requests[0])))]
        with self._client.pipeline(transaction=False) as pipe:
            for request in requests:
                self._hold(_keys(request.scope, ALL), self._arguments(request), client=pipe)
            return [Answer(*answer) for answer in pipe.execute()]

    def people(self, scope: Scope) -> list[Here]:
        found = self._people(_keys(scope, ("people", "tabs")), [MOST_TOLD])
        each = zip(found[::3], found[1::3], found[2::3], strict=True)
        return [Here(person.decode(), int(since), int(lines)) for person, since, lines in each]

    def _arguments(self, request: Request) -> list[Any]:
        lease_ms = LEASE_S * 1000
        arguments: list[Any] = [self._worker, request.seen_version, lease_ms, KEEP_FOR_LEASES * lease_ms, BATCH]
        for said in request.said:
            arguments += said
        return arguments


ALL = ("leases", "people", "lines", "workers", "tabs", "state")


def _keys(scope: Scope, names: Sequence[str]) -> list[str]:
    return [f"koyjabo:online:{scope}:{name}" for name in names]
