"""Whether people may be where they are: asked when they come, and again whenever anybody has lost a right."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from koyjabo.errors import Forbidden, InvalidToken, KoyJaboError, UnknownCommunity
from koyjabo.roles import ADMIN, is_lower
from koyjabo.storage import access
from koyjabo.storage.desk import Desk
from koyjabo.storage.rights import Facts, facts


class Right(NamedTuple):
    """What somebody who is in a community goes by."""

    session_id: str
    user_id: str
    community_id: str
    role: str  # the least that it takes


class Rights:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def losses(self) -> int:
        """A number that changes whenever anybody has lost a right, on any server. Raises LedgerUnavailable."""
        return self._desk.read(access.version)

    def require(self, right: Right) -> None:
        """Raises InvalidToken, Forbidden or UnknownCommunity for one that does not hold; LedgerUnavailable."""
        problem = self.judge([right])[right]
        if problem is not None:
            raise problem

    def judge(self, rights: Collection[Right]) -> dict[Right, KoyJaboError | None]:
        """What is wrong with each, None where nothing is (SPEC: Credentials). Raises LedgerUnavailable."""
        sessions, users = {right.session_id for right in rights}, {right.user_id for right in rights}
        communities = {right.community_id for right in rights}
        known = self._desk.read(lambda session: facts(session, sessions, users, communities))
        return {right: _problem(right, known) for right in rights}

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
