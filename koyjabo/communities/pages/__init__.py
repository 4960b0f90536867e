"""Pages of communities, for their members."""

from __future__ import annotations

from koyjabo.communities.pages import communities, invitations, members, settings  # noqa: F401  (they add their routes)
