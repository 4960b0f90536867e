"""/share/…, and the share links of a community."""

from __future__ import annotations

from koyjabo.web.pages.sharing import community_shares, share  # noqa: F401  (they add their routes to pages.bp)
