"""API calls of visits and stats."""

from __future__ import annotations

from koyjabo.counting.api import stats, visitor  # noqa: F401  (they add their routes)
