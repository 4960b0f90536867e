"""Remembers who used the panel recently, by session, so that the page Server can be opened while sessions cannot be
looked up. Logins are only kept in this worker's memory. Nothing can be revoked while the database is unavailable, and
earlier revocations have cleared it.
"""

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.identity import Login

REMEMBERED_LOGIN_MS = 3_600_000
"""How long a login is remembered after its last page view, ms."""

MAX_REMEMBERED_LOGINS = 200


class RememberedLogins:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_session: dict[str, tuple[Login, int]] = {}  # most recently used last

    def remember(self, login: Login) -> None:
        self._by_session.pop(login.session_id, None)
        self._by_session[login.session_id] = login, self._clock.elapsed_ms()
        if len(self._by_session) > MAX_REMEMBERED_LOGINS:
            del self._by_session[next(iter(self._by_session))]

    def of_session(self, session_id: str) -> Login | None:
        """The login of a session that has used the panel within REMEMBERED_LOGIN_MS. This counts as a use."""
        login, at_ms = self._by_session.get(session_id, (None, 0))
        if login is None or self._clock.elapsed_ms() - at_ms > REMEMBERED_LOGIN_MS:
            return None
        self.remember(login)
        return login

    def clear(self) -> None:
        """Forget all logins, because one was revoked or an account has changed."""
        self._by_session.clear()
