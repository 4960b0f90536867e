"""The reports of a community, and pages of share links."""

from . import community_reports, share_links  # noqa: F401  (they add their routes)
