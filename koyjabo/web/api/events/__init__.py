"""POST /api/events: page views and events of a visitor."""

from __future__ import annotations

from koyjabo.web.api.events import record  # noqa: F401  (it adds its route to api.bp)
