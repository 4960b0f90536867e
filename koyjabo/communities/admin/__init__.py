"""The panel's pages of communities."""

from __future__ import annotations

from koyjabo.communities.admin import communities, members  # noqa: F401  (they add their routes)
