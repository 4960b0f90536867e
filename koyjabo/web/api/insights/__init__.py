"""Exact reports of visits (specification: Reports): /api/reports, those of communities, and share links with theirs."""

from __future__ import annotations

from koyjabo.web.api.insights import reports, shared, shares  # noqa: F401  (they add their routes to api.bp)
