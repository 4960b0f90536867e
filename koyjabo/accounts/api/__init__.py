"""API calls of accounts."""

from __future__ import annotations

from koyjabo.accounts.api import auth, passkeys, second_step, sessions, totp  # noqa: F401  (they add their routes)
