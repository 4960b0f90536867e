"""Checks permissions at each join, and checks those of all participants again after a revocation."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection
from typing import NamedTuple

from koyjabo.accounts import access_version_queries
from koyjabo.clock import Clock
from koyjabo.communities.permission_queries import Facts, facts
from koyjabo.communities.roles import ADMIN, is_lower
from koyjabo.database.batch_worker import Job, take_pending
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.errors import Forbidden, InvalidToken, KoyJaboError, UnknownCommunity
from koyjabo.runtime import Runtime

MOST_TOGETHER = 500


class RequiredAccess(NamedTuple):
    """What a participant of a community must keep: a live session, and at least this role."""

    session_id: str
    user_id: str
    community_id: str
    role: str  # the lowest sufficient role


class AccessRequest(NamedTuple):
    """The access needed for a join, and the id of the refresh token that authenticates it, if one does."""

    needed: RequiredAccess
    refresh_id: str | None


class Permissions:
    def __init__(self, database: DatabaseExecutor, runtime: Runtime, clock: Clock) -> None:
        self._database = database
        self._runtime = runtime
        self._clock = clock
        self._pending: deque[Job[AccessRequest, None]] = deque()
        self._is_looking_up = False
        self._lock = threading.Lock()  # guards both; code that holds it must not wait

    def access_version(self) -> int:
        """A counter that increases whenever any permission is revoked, on any server. Raises LedgerUnavailable."""
        return self._database.read(access_version_queries.version)

    def check(self, needed: RequiredAccess, refresh_id: str | None = None) -> None:
        """Raises InvalidToken, Forbidden or UnknownCommunity if the access is not permitted; LedgerUnavailable. A
        refresh token has to be the valid one of its session at this moment; it may be renewed later.

        Requests that arrive while a lookup is running share the next one: thousands of clients may reconnect at once.
        """
        job: Job[AccessRequest, None] = Job(AccessRequest(needed, refresh_id), self._runtime.waiter())
        with self._lock:
            self._pending.append(job)
            is_first = not self._is_looking_up
            self._is_looking_up = True
        if is_first:
            self._runtime.start_task(self._answer_requests)
        job.outcome()

    def recheck(self, accesses: Collection[RequiredAccess]) -> dict[RequiredAccess, KoyJaboError | None]:
        """Why each is no longer permitted; None if it is (specification: Credentials). Raises LedgerUnavailable."""
        known = self._look_up(accesses)
        return {access: _problem(access, known) for access in accesses}

    def _check_requests(self, requests: Collection[AccessRequest]) -> dict[AccessRequest, KoyJaboError | None]:
        known, now_ms = self._look_up([each.needed for each in requests]), self._clock.now_ms()
        return {each: _problem(each.needed, known, each.refresh_id, now_ms) for each in requests}

    def _look_up(self, accesses: Collection[RequiredAccess]) -> Facts:
        sessions, users = {each.session_id for each in accesses}, {each.user_id for each in accesses}
        communities = {each.community_id for each in accesses}
        return self._database.read(facts, sessions, users, communities)

    def _answer_requests(self) -> None:
        while jobs := self._take_pending():
            try:
                problems = self._check_requests({job.item for job in jobs})
                for job in jobs:
                    job.error = problems[job.item]
            except Exception as error:
                for job in jobs:
                    job.error = error
            for job in jobs:
                self._runtime.soon(job.complete)

    def _take_pending(self) -> list[Job[AccessRequest, None]]:
        with self._lock:
            jobs = take_pending(self._pending, [], MOST_TOGETHER)
            self._is_looking_up = bool(jobs)
            return jobs

    def is_live(self, session_id: str, refresh_id: str | None) -> bool:
        """Whether this session is not revoked and its refresh token, if given, is valid. Raises LedgerUnavailable."""
        known = self._database.read(facts, [session_id], [], [])
        return _is_live(session_id, known, refresh_id, self._clock.now_ms())


def _problem(
    needed: RequiredAccess, known: Facts, refresh_id: str | None = None, now_ms: int = 0
) -> KoyJaboError | None:
    is_admin = known.users.get(needed.user_id)
    if is_admin is None:
        return Forbidden("This account is disabled.")
    if not _is_live(needed.session_id, known, refresh_id, now_ms):
        return InvalidToken()
    if needed.community_id not in known.communities:
        return UnknownCommunity()
    role = ADMIN if is_admin else known.roles.get((needed.community_id, needed.user_id))
    return Forbidden() if role is None or is_lower(role, needed.role) else None


def _is_live(session_id: str, known: Facts, refresh_id: str | None, now_ms: int) -> bool:
    family = known.sessions.get(session_id)
    return family is not None and (refresh_id is None or family.admits(refresh_id, now_ms))
