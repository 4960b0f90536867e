"""Lists and ends a user's own login sessions."""

from collections.abc import Collection

from koyjabo.base.core.identity import Login
from koyjabo.base.database.rows import Slice
from koyjabo.people.audit.transaction import Changes, Transaction, transaction
from . import login_session_queries
from .audit_entries import subject
from .errors import UnknownSession
from .models import LoginSession
from .queries import revoke_session


class LoginSessions(Changes):
    """The logged-in user's own sessions, and locations of users. All methods raise LedgerUnavailable. After a commit,
    `on_revoked` is called with the id of the ended session, or with the user's id if several have ended.
    """

    def page(self, login: Login, start: int = 0, count: int = 20) -> Slice[LoginSession]:
        """`count` live sessions from the offset `start`, the most recently used first."""
        now_ms = self._clock.now_ms()
        return self._database.read(login_session_queries.page, login.account.id, now_ms, start, count)

    def get(self, login: Login, session_id: str) -> LoginSession:
        """One session. Raises UnknownSession."""
        session = self._database.read(login_session_queries.find, login.account.id, session_id, self._clock.now_ms())
        if session is None:
            raise UnknownSession
        return session

    def places(self, user_ids: Collection[str]) -> dict[str, str]:
        """The location of each user's most recently used session; users without a known location are missing."""
        return self._database.read(login_session_queries.places, user_ids, self._clock.now_ms())

    @transaction
    def end(self, tx: Transaction, login: Login, session_id: str) -> None:
        """End a session, with its tokens and sockets. Raises UnknownSession."""
        ended = login_session_queries.find(tx.session, login.account.id, session_id, tx.at_ms)
        if ended is None or not revoke_session(tx.session, ended.id, tx.at_ms):
            raise UnknownSession
        details = {"browser": " ".join(filter(None, ended.browser)), "from": ended.place or ""}
        tx.log("session.revoke", subject(login.account), **details)
        tx.revoked.append(ended.id)

    @transaction
    def end_others(self, tx: Transaction, login: Login) -> int:
        """End all sessions except the login's own. Returns how many ended."""
        count = login_session_queries.end_others(tx.session, login.account.id, login.session_id, tx.at_ms)
        if count:
            tx.log("session.revoke", subject(login.account), sessions=count)
            tx.revoked.append(login.account.id)
        return count
