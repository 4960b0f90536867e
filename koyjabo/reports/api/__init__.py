"""API calls of reports, share links and events."""

from . import community_reports, events, insights, shares  # noqa: F401  (they add their routes)
