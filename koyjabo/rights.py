"""Whether people may be where they are: asked when they come, and again whenever anybody has lost a right."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection
from typing import NamedTuple

from koyjabo.errors import Forbidden, InvalidToken, KoyJaboError, UnknownCommunity
from koyjabo.roles import ADMIN, is_lower
from koyjabo.runtime import Runtime
from koyjabo.storage import access
from koyjabo.storage.desk import Desk
from koyjabo.storage.group import Job, take_waiting
from koyjabo.storage.rights import Facts, facts

MOST_TOGETHER = 500


class Right(NamedTuple):
    """What somebody who is in a community goes by."""

    session_id: str
    user_id: str
    community_id: str
    role: str  # the least that it takes


class Rights:
    def __init__(self, desk: Desk, runtime: Runtime) -> None:
        self._desk = desk
        self._runtime = runtime
        self._waiting: deque[Job[Right, None]] = deque()
        self._is_asking = False
        self._lock = threading.Lock()  # around both; nothing waits while it is held

    def losses(self) -> int:
        """A number that changes whenever anybody has lost a right, on any server. Raises LedgerUnavailable."""
        return self._desk.read(access.version)

    def require(self, right: Right) -> None:
        """Raises InvalidToken, Forbidden or UnknownCommunity for one that does not hold; LedgerUnavailable.

        Those who ask while others are being answered are answered together: thousands may come back at once.
        """
        job: Job[Right, None] = Job(right, self._runtime.waiter())
        with self._lock:
            self._waiting.append(job)
            begins, self._is_asking = not self._is_asking, True
        if begins:
            self._runtime.start_task(self._answer)
        job.outcome()

    def judge(self, rights: Collection[Right]) -> dict[Right, KoyJaboError | None]:
        """What is wrong with each, None where nothing is (SPEC: Credentials). Raises LedgerUnavailable."""
        sessions, users = {right.session_id for right in rights}, {right.user_id for right in rights}
        communities = {right.community_id for right in rights}
        known = self._desk.read(lambda session: facts(session, sessions, users, communities))
        return {right: _problem(right, known) for right in rights}

    def _answer(self) -> None:
        while jobs := self._take_waiting():
            problems: dict[Right, Exception | None]
            try:
                problems = dict(self.judge({job.item for job in jobs}))
            except Exception as error:  # each of them is told
                problems = dict.fromkeys((job.item for job in jobs), error)
            for job in jobs:
                job.error = problems[job.item]
                self._runtime.soon(job.answer)

    def _take_waiting(self) -> list[Job[Right, None]]:
        with self._lock:
            jobs = take_waiting(self._waiting, [], MOST_TOGETHER)
            self._is_asking = bool(jobs)
            return jobs

    def is_live(self, session_id: str) -> bool:
        """Whether this session has not been revoked. Raises LedgerUnavailable."""
        return bool(self._desk.read(lambda session: facts(session, [session_id], [], [])).sessions)


def _problem(right: Right, known: Facts) -> KoyJaboError | None:
    is_admin = known.users.get(right.user_id)
    if is_admin is None:
        return Forbidden("This account is disabled.")
    if right.session_id not in known.sessions:
        return InvalidToken()
    if right.community_id not in known.communities:
        return UnknownCommunity()
    role = ADMIN if is_admin else known.roles.get((right.community_id, right.user_id))
    return Forbidden() if role is None or is_lower(role, right.role) else None
