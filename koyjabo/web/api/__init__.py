"""/api: what anybody may call, and what takes a login (`koyjabo.web.http.middleware`, `koyjabo.web.security.tokens`)."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("api", __name__, url_prefix="/api")

from koyjabo.web.api import (  # noqa: E402  (they add their routes to bp)
    accounts,  # noqa: F401
    communities,  # noqa: F401
    community_members,  # noqa: F401
    community_presence,  # noqa: F401
    reports,  # noqa: F401
    sessions,  # noqa: F401
    stats,  # noqa: F401
    visitor,  # noqa: F401
)
