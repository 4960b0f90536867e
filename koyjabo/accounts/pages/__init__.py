"""Pages of accounts."""

from __future__ import annotations

from koyjabo.accounts.pages import (  # noqa: F401  (they add their routes)
    emails,
    login,
    passkeys,
    password_reset,
    profile,
    second_factor,
    second_step,
    sessions,
)
