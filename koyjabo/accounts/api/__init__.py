"""API calls for accounts."""

from __future__ import annotations

from koyjabo.accounts.api import auth, invitations, second_factor, sessions  # noqa: F401  (they add their routes)
