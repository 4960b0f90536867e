"""The panel's pages of visits."""

from __future__ import annotations

from koyjabo.visit_log.admin import realtime, visits  # noqa: F401  (they add their routes)
