"""Runs hold.lua and people.lua: sends leases to Redis, and parses the responses."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from koyjabo.base.cluster import redis_client
from koyjabo.base.cluster.redis_client import RedisClient
from koyjabo.base.models import Scope
from .online_members import OnlineMember

MAX_REPORTS = 500
"""Maximum number of people reported, and of leases ended, per call. Redis is blocked during a call."""

MAX_LISTED_AT_ONCE = 1_000
"""Maximum number of people listed per call."""

MEMBER_LEASE_S = 10
"""Length of a lease, s. A worker renews its leases after half that time (specification: promise 5)."""

KEEP_FOR_LEASES = 6
"""How many lease lengths a scope's keys live after its last change, so that no active person is lost."""

NO_CONNECTIONS = -1
"""In place of the number of a person's connections, if they have none left on the worker: ends its lease for them."""

KEY_NAMES = ("leases", "people", "lines", "workers", "tabs", "state")


class SyncRequest(NamedTuple):
    scope: Scope
    seen_version: int  # the highest version that this worker has seen; Redis continues from it if its own is lost
    reports: Sequence[OnlineMember]  # about one person each


class SyncReply(NamedTuple):
    version: int
    born: int  # when this data set was created, ms; 0 if there is none
    people: int
    leases: int  # held by this worker
    unswept: int  # 1 if more leases may have expired, and the count still includes their people
    elsewhere: list[int]  # per report: 1 if another worker also has a lease for the person


class MemberScript:
    """The scripts for online members. Any method may raise redis.RedisError."""

    def __init__(self, client: RedisClient, worker: str) -> None:
        self._client = client
        self._worker = worker
        self._hold = redis_client.load(client, __file__, "hold")
        self._people = redis_client.load(client, __file__, "people")

    def ask(self, requests: Sequence[SyncRequest]) -> list[SyncReply]:
        """Run the requests. Each is atomic, and all share one round trip."""
        calls = [(keys_of(request.scope), self._arguments(request)) for request in requests]
        return [SyncReply(*reply) for reply in self._hold.call_all(calls)]

    def people(self, scope: Scope, most: int, newest_first: bool) -> list[OnlineMember]:
        """List the people in steps. People who come or leave between steps may be missing, but no one is listed
        twice."""
        by_person: dict[str, OnlineMember] = {}
        for start in range(0, most, MAX_LISTED_AT_ONCE):
            size = min(MAX_LISTED_AT_ONCE, most - start)
            values = self._people(keys_of(scope, ("people", "tabs")), [start, size, int(newest_first)])
            for person, since, tabs in zip(values[::3], values[1::3], values[2::3], strict=True):
                by_person[person.decode()] = OnlineMember(person.decode(), int(since), int(tabs))
            if len(values) < 3 * size:
                break
        return list(by_person.values())

    def online_in(self, person: str, scopes: Sequence[Scope]) -> set[Scope]:
        """The scopes where a person has a lease, which may have expired."""
        keys = [keys_of(scope, ("people",))[0] for scope in scopes]
        times = self._client.run_all([("ZSCORE", key, person) for key in keys])
        return {scope for scope, since in zip(scopes, times, strict=True) if since is not None}

    def _arguments(self, request: SyncRequest) -> list[Any]:
        lease_ms = MEMBER_LEASE_S * 1000
        arguments: list[Any] = [self._worker, request.seen_version, lease_ms, KEEP_FOR_LEASES * lease_ms, MAX_REPORTS]
        for report in request.reports:
            arguments += report.person, report.connections, report.since_ms
        return arguments


def keys_of(scope: Scope, names: Sequence[str] = KEY_NAMES) -> list[str]:
    return [f"koyjabo:online:{{{scope}}}:{name}" for name in names]
