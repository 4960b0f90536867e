"""The public API: any origin may call it, and it never reads a cookie (see `koyjabo.web.middleware`)."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("api", __name__, url_prefix="/api")

from koyjabo.web.api import stats, visitor  # noqa: E402, F401  (they add their routes to bp)
