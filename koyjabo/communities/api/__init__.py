"""API calls of communities."""

from __future__ import annotations

from koyjabo.communities.api import communities, invitations, members, presence  # noqa: F401  (they add their routes)
