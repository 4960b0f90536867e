"""Who used the panel lately, by session: so that Health opens while no session can be looked up.

Only memory, of this worker: nothing can be revoked in a database that is away, and a revocation before that clears it.
"""

from __future__ import annotations

from koyjabo.core.clock import Clock
from koyjabo.core.identity import Login

KEPT_MS = 3_600_000
"""Since the last page."""

MOST_LOGINS = 200


class RememberedLogins:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_session: dict[str, tuple[Login, int]] = {}  # the one that was used last at the end

    def remember(self, login: Login) -> None:
        self._by_session.pop(login.session_id, None)
        self._by_session[login.session_id] = login, self._clock.elapsed_ms()
        if len(self._by_session) > MOST_LOGINS:
            del self._by_session[next(iter(self._by_session))]

    def of_session(self, session_id: str) -> Login | None:
        """Of a session that used the panel at most KEPT_MS ago; this counts as a use."""
        login, at_ms = self._by_session.get(session_id, (None, 0))
        if login is None or self._clock.elapsed_ms() - at_ms > KEPT_MS:
            return None
        self.remember(login)
        return login

    def clear(self) -> None:
        """A login was revoked, or an account has changed."""
        self._by_session.clear()
