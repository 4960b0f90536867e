"""The page of the audit log."""

from __future__ import annotations

from koyjabo.audit.admin import log_page  # noqa: F401  (they add their routes)
