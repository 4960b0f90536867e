"""Binds one login at a provider to the browser, the provider and, for a connection, the session.

A cookie contains a random string. The server derives the state, the nonce and the PKCE verifier from it with its own
key. So the cookie does not reveal them, and a response is only valid for the same browser and provider.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import NamedTuple

from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Login
from koyjabo.people.accounts.errors import ProviderLoginRefused, SecondFactorExpired
from koyjabo.people.accounts.pending_steps import PendingSteps

LOGIN, CONNECTION = "oidc login", "oidc connect"
"""Purposes of pending steps that wait for a provider's response."""

OVER = N_("This login has expired, has already been used, or was started in another browser. Start again.")


class Authorization(NamedTuple):
    """The derived values, each 43 characters long, as required for a PKCE verifier (RFC 7636, 4.1)."""

    state: str
    nonce: str
    verifier: str

    @property
    def challenge(self) -> str:
        return _base64url(hashlib.sha256(self.verifier.encode()).digest())


class Authorizations:
    """Begins logins and connections, and accepts each response once, within PENDING_S. Raises LedgerUnavailable."""

    def __init__(self, pending: PendingSteps, secret: str) -> None:
        self._pending = pending
        self._secret = secret.encode()

    def begin(self, issuer: str, login: Login | None = None) -> tuple[str, Authorization]:
        """Begin a login. Returns the browser's secret, and the values derived from it. If `login` is given, the
        identity will be connected to that account, in that session.
        """
        browser_secret = secrets.token_urlsafe(32)
        begun = self._derive(browser_secret, issuer, login.session_id if login else "")
        if login is None:
            self._pending.begin(LOGIN, None, token=begun.state)
        else:
            self._pending.begin(CONNECTION, self._pending.user(login), token=begun.state)
        return browser_secret, begun

    def finish(self, browser_secret: str, issuer: str, state: str, session_id: str) -> tuple[Authorization, bool]:
        """Check a response. `session_id` is the browser's session, or "". Also returns whether it is for a connection.

        Raises ProviderLoginRefused for a response that is meant for another browser, provider or session, that is too
        late, or that was used before. Also raises it for a connection if the password has changed since the connection
        was begun.
        """
        for session in {"", session_id}:
            begun = self._derive(browser_secret, issuer, session)
            if hmac.compare_digest(begun.state.encode(), state.encode("utf-8", "surrogatepass")):
                try:
                    pending = self._pending.count_try(state, CONNECTION if session else LOGIN, most=1)
                    if session:
                        self._pending.user_of(pending)
                except SecondFactorExpired:
                    raise ProviderLoginRefused(OVER) from None
                return begun, bool(session)
        raise ProviderLoginRefused(OVER)

    def _derive(self, browser_secret: str, issuer: str, session_id: str) -> Authorization:
        def part(name: str) -> str:
            text = "\n".join(("koyjabo oidc", name, issuer, session_id, browser_secret))
            return _base64url(hmac.digest(self._secret, text.encode("utf-8", "surrogatepass"), "sha256"))

        return Authorization(*map(part, Authorization._fields))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
