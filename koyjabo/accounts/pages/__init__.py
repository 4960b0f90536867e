"""Pages of accounts."""

from __future__ import annotations

from koyjabo.accounts.pages import (  # noqa: F401  (they add their routes)
    account,
    email_links,
    login,
    provider_login,
    second_factor,
    users,
)
