"""/admin: the panel for admins of the site, and for its viewers. Each page checks the permission, and each action its
CSRF token.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from koyjabo.web.http.cache_headers import private
from koyjabo.web.security import page_login

bp = Blueprint("admin", __name__, url_prefix="/admin")


FOR_VIEWERS = {"overview", "communities", "community", "users", "user", "visits", "audit", "system"}
"""The pages that change nothing. The services mask what viewers may not see on them."""


@bp.before_request
def admit() -> None:
    """One guard for all routes, so that a new page cannot miss it: unless it is listed, it is for admins alone."""
    account = page_login.require_panel()
    if (request.endpoint or "").removeprefix("admin.") not in FOR_VIEWERS:
        account.require_site_admin()


@bp.after_request
def forbid_caching(response: Response) -> Response:
    """Pages must not stay in the browser's cache for its next user."""
    response.headers["Cache-Control"] = "no-store"
    return private(response)


from koyjabo.web.admin import (  # noqa: E402  (they add their routes to bp)
    audit,  # noqa: F401
    communities,  # noqa: F401
    export,  # noqa: F401
    ledger_actions,  # noqa: F401
    members,  # noqa: F401
    overview,  # noqa: F401
    system,  # noqa: F401
    users,  # noqa: F401
    visits,  # noqa: F401
)
