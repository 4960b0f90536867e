"""Community pages: the list, a community's room, members, invitations and settings."""

from __future__ import annotations

from koyjabo.communities.pages import communities, room  # noqa: F401  (they add their routes)
