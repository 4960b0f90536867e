"""Lists and ends a user's own login sessions."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from koyjabo.base.core.identity import Login
from koyjabo.base.database.rows import Slice, length, slice_of
from koyjabo.base.database.search import usable
from koyjabo.people.audit.transaction import Changes, Transaction, transaction
from .audit_entries import subject
from .errors import UnknownSession
from .models import LoginSession
from .queries import revoke, revoke_session

LAST_USED_MS = func.coalesce(LoginSession.renewed_ms, LoginSession.created_ms)


class LoginSessions(Changes):
    """The logged-in user's own sessions, and locations of users. All methods raise LedgerUnavailable. After a commit,
    `on_revoked` is called with the id of the ended session, or with the user's id if several have ended.
    """

    def page(self, login: Login, start: int = 0, count: int = 20) -> Slice[LoginSession]:
        """`count` live sessions from the offset `start`, the most recently used first."""
        query = select(LoginSession).where(*_live(login, self._clock.now_ms()))
        return self._database.read(slice_of, query.order_by(LAST_USED_MS.desc(), LoginSession.id), start, count)

    def get(self, login: Login, session_id: str) -> LoginSession:
        """One session. Raises UnknownSession."""
        return self._database.read(_find, login, session_id, self._clock.now_ms())

    def places(self, user_ids: Collection[str]) -> dict[str, str]:
        """The location of each user's most recently used session; users without a known location are missing."""
        is_live = LoginSession.revoked_ms.is_(None), LoginSession.expires_ms > self._clock.now_ms()
        query = select(LoginSession.user_id, LoginSession.place).where(LoginSession.user_id.in_(user_ids), *is_live)
        query = query.where(LoginSession.place.is_not(None)).order_by(LAST_USED_MS, LoginSession.id)
        return self._database.read(lambda session: {row.user_id: row.place for row in session.execute(query)})

    @transaction
    def end(self, tx: Transaction, login: Login, session_id: str) -> None:
        """End a session, with its tokens and sockets. Raises UnknownSession."""
        ended = _find(tx.session, login, session_id, tx.at_ms)
        if not revoke_session(tx.session, ended.id, tx.at_ms):
            raise UnknownSession
        details = {"browser": " ".join(filter(None, ended.browser)), "from": ended.place or ""}
        tx.log("session.revoke", subject(login.account), **details)
        tx.revoked.append(ended.id)

    @transaction
    def end_others(self, tx: Transaction, login: Login) -> int:
        """End all sessions except the login's own. Returns how many ended."""
        others = (*_live(login, tx.at_ms), LoginSession.id != login.session_id)
        count = length(tx.session, select(LoginSession.id).where(*others))
        revoke(tx.session, tx.at_ms, *others)
        if count:
            tx.log("session.revoke", subject(login.account), sessions=count)
            tx.revoked.append(login.account.id)
        return count


def _find(session: Session, login: Login, session_id: str, now_ms: int) -> LoginSession:
    """A live session of the user. Raises UnknownSession."""
    query = select(LoginSession).where(*_live(login, now_ms), LoginSession.id == usable(session_id))
    row = session.scalar(query)
    if row is None:
        raise UnknownSession
    return row


def _live(login: Login, now_ms: int) -> tuple[Any, ...]:
    is_theirs = LoginSession.user_id == login.account.id
    return is_theirs, LoginSession.revoked_ms.is_(None), LoginSession.expires_ms > now_ms
