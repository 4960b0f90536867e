"""The panel's pages of reports."""

from __future__ import annotations

from koyjabo.reports.admin import insights, shares  # noqa: F401  (they add their routes)
