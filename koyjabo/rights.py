"""Whether people may be where they are: asked when they come, and again whenever anybody has lost a right."""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import NamedTuple

from koyjabo.errors import Forbidden, InvalidToken, KoyJaboError, UnknownCommunity
from koyjabo.roles import ADMIN, is_lower
from koyjabo.runtime import Runtime, Waiter
from koyjabo.storage import access
from koyjabo.storage.desk import Desk
from koyjabo.storage.rights import Facts, facts

MOST_TOGETHER = 500


class Right(NamedTuple):
    """What somebody who is in a community goes by."""

    session_id: str
    user_id: str
    community_id: str
    role: str  # the least that it takes


class Asking:
    """One who waits to be told."""

    def __init__(self, right: Right, waiter: Waiter) -> None:
        self.right = right
        self.waiter = waiter
        self.problem: Exception | None = None


class Rights:
    def __init__(self, desk: Desk, runtime: Runtime) -> None:
        self._desk = desk
        self._runtime = runtime
        self._waiting: list[Asking] = []
        self._is_asking = False
        self._lock = threading.Lock()  # around both; nothing waits while it is held

    def losses(self) -> int:
        """A number that changes whenever anybody has lost a right, on any server. Raises LedgerUnavailable."""
        return self._desk.read(access.version)

    def require(self, right: Right) -> None:
        """Raises InvalidToken, Forbidden or UnknownCommunity for one that does not hold; LedgerUnavailable.

        Those who ask while others are being answered are answered together: thousands may come back at once.
        """
        asking = Asking(right, self._runtime.waiter())
        with self._lock:
            self._waiting.append(asking)
            begins, self._is_asking = not self._is_asking, True
        if begins:
            self._runtime.start_task(self._answer)
        asking.waiter.wait()
        if asking.problem is not None:
            raise asking.problem

    def judge(self, rights: Collection[Right]) -> dict[Right, KoyJaboError | None]:
        """What is wrong with each, None where nothing is (SPEC: Credentials). Raises LedgerUnavailable."""
        sessions, users = {right.session_id for right in rights}, {right.user_id for right in rights}
        communities = {right.community_id for right in rights}
        known = self._desk.read(lambda session: facts(session, sessions, users, communities))
        return {right: _problem(right, known) for right in rights}

    def _answer(self) -> None:
        while waiting := self._take_waiting():
            problems: dict[Right, Exception | None]
            try:
                problems = dict(self.judge({asking.right for asking in waiting}))
            except Exception as error:  # each of them is told
                problems = dict.fromkeys((asking.right for asking in waiting), error)
            for asking in waiting:
                asking.problem = problems[asking.right]
                self._runtime.soon(asking.waiter.wake)

    def _take_waiting(self) -> list[Asking]:
        with self._lock:
            waiting, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
            self._is_asking = bool(waiting)
            return waiting

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
