"""The reports of a community, and pages of share links."""

from koyjabo.reports.pages import community_reports, share_links  # noqa: F401  (they add their routes)
