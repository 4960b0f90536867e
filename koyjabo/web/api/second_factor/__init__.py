"""/api/auth/second-factor, /api/auth/totp and /api/auth/passkeys: the second step of a login, and its factors."""

from __future__ import annotations

from koyjabo.web.api.second_factor import login, passkeys, totp  # noqa: F401  (they add their routes to api.bp)
