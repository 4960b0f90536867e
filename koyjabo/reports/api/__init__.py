"""API calls of reports and events."""

from . import community_reports, events, reports  # noqa: F401  (they add their routes)
