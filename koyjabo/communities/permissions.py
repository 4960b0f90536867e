"""Whether people may be where they are: asked when they come, and again whenever anybody has lost a right."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection
from typing import NamedTuple

from koyjabo.accounts import access_version_queries
from koyjabo.clock import Clock
from koyjabo.communities.permission_queries import Facts, facts
from koyjabo.communities.roles import ADMIN, is_lower
from koyjabo.database.batch_worker import Job, take_waiting
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.errors import Forbidden, InvalidToken, KoyJaboError, UnknownCommunity
from koyjabo.runtime import Runtime

MOST_TOGETHER = 500


class Right(NamedTuple):
    """What somebody who is in a community goes by."""

    session_id: str
    user_id: str
    community_id: str
    role: str  # the least that it takes


class Asked(NamedTuple):
    """A right that somebody comes with, and the id of the refresh token they come by, if they do."""

    right: Right
    refresh_id: str | None


class Rights:
    def __init__(self, database: DatabaseExecutor, runtime: Runtime, clock: Clock) -> None:
        self._database = database
        self._runtime = runtime
        self._clock = clock
        self._waiting: deque[Job[Asked, None]] = deque()
        self._is_asking = False
        self._lock = threading.Lock()  # around both; nothing waits while it is held

    def losses(self) -> int:
        """A number that changes whenever anybody has lost a right, on any server. Raises LedgerUnavailable."""
        return self._database.read(access_version_queries.version)

    def require(self, right: Right, refresh_id: str | None = None) -> None:
        """Raises InvalidToken, Forbidden or UnknownCommunity for one that does not hold; LedgerUnavailable. Whoever
        comes by a refresh token has to show the one that is good; later it may be renewed.

        Requests that arrive while a lookup is running share the next one: thousands of clients may reconnect at once.
        """
        job: Job[Asked, None] = Job(Asked(right, refresh_id), self._runtime.waiter())
        with self._lock:
            self._waiting.append(job)
            is_first = not self._is_asking
            self._is_asking = True
        if is_first:
            self._runtime.start_task(self._answer)
        job.outcome()

    def judge(self, rights: Collection[Right]) -> dict[Right, KoyJaboError | None]:
        """What is wrong with each, None where nothing is (specification: Credentials). Raises LedgerUnavailable."""
        known = self._look_up(rights)
        return {right: _problem(right, known) for right in rights}

    def _judge_newcomers(self, asked: Collection[Asked]) -> dict[Asked, KoyJaboError | None]:
        known, now_ms = self._look_up([each.right for each in asked]), self._clock.now_ms()
        return {each: _problem(each.right, known, each.refresh_id, now_ms) for each in asked}

    def _look_up(self, rights: Collection[Right]) -> Facts:
        sessions, users = {right.session_id for right in rights}, {right.user_id for right in rights}
        communities = {right.community_id for right in rights}
        return self._database.read(facts, sessions, users, communities)

    def _answer(self) -> None:
        while jobs := self._take_waiting():
            try:
                problems = self._judge_newcomers({job.item for job in jobs})
                for job in jobs:
                    job.error = problems[job.item]
            except Exception as error:
                for job in jobs:
                    job.error = error
            for job in jobs:
                self._runtime.soon(job.answer)

    def _take_waiting(self) -> list[Job[Asked, None]]:
        with self._lock:
            jobs = take_waiting(self._waiting, [], MOST_TOGETHER)
            self._is_asking = bool(jobs)
            return jobs

    def is_live(self, session_id: str, refresh_id: str | None) -> bool:
        """Whether this session has not been revoked, and the refresh token that shows it is good. Raises
        LedgerUnavailable.
        """
        known = self._database.read(facts, [session_id], [], [])
        return _is_live(session_id, known, refresh_id, self._clock.now_ms())


def _problem(right: Right, known: Facts, refresh_id: str | None = None, now_ms: int = 0) -> KoyJaboError | None:
    is_admin = known.users.get(right.user_id)
    if is_admin is None:
        return Forbidden("This account is disabled.")
    if not _is_live(right.session_id, known, refresh_id, now_ms):
        return InvalidToken()
    if right.community_id not in known.communities:
        return UnknownCommunity()
    role = ADMIN if is_admin else known.roles.get((right.community_id, right.user_id))
    return Forbidden() if role is None or is_lower(role, right.role) else None


def _is_live(session_id: str, known: Facts, refresh_id: str | None, now_ms: int) -> bool:
    family = known.sessions.get(session_id)
    return family is not None and (refresh_id is None or family.admits(refresh_id, now_ms))
