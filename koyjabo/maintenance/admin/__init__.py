"""The panel's pages of data, health and settings."""

from __future__ import annotations

from koyjabo.maintenance.admin import backups, data, health, settings  # noqa: F401  (they add their routes)
