"""API calls of communities, of their members, and of what another system says by its own ids."""

from __future__ import annotations

from koyjabo.communities.api import by_ref, communities, messages  # noqa: F401  (they add their routes)
