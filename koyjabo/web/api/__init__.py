"""/api: public calls, and calls that need a login."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("api", __name__, url_prefix="/api")

from koyjabo.web.api import (  # noqa: E402  (they add their routes to bp)
    auth,  # noqa: F401
    communities,  # noqa: F401
    community_members,  # noqa: F401
    community_presence,  # noqa: F401
    events,  # noqa: F401
    insights,  # noqa: F401
    invitations,  # noqa: F401
    reports,  # noqa: F401
    second_factor,  # noqa: F401
    sessions,  # noqa: F401
    stats,  # noqa: F401
    visitor,  # noqa: F401
)
