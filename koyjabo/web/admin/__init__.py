"""/admin: the panel for admins of the site, and for its viewers. Each page checks the permission, and each action its
CSRF token.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from koyjabo.errors import LedgerUnavailable
from koyjabo.web.http.cache_headers import private
from koyjabo.web.security import page_login

bp = Blueprint("admin", __name__, url_prefix="/admin")


FOR_VIEWERS = {
    *("overview", "realtime", "insights", "communities", "community", "users", "user", "visits", "visit", "audit"),
    *("health", "data", "settings", "find", "search", "state", "design"),
    "list_annotations",
}
"""The routes that change nothing. The services mask what viewers may not see on them."""


@bp.before_request
def admit() -> None:
    """One guard for all routes, so that a new page cannot miss it: unless it is listed, it is for admins alone."""
    endpoint = (request.endpoint or "").removeprefix("admin.")
    try:
        account = page_login.require_panel()
    except LedgerUnavailable:
        if endpoint == "state":  # open pages must learn that visits are not saved, which /readyz tells everyone
            return
        raise
    if endpoint not in FOR_VIEWERS:
        account.require_site_admin()


@bp.after_request
def forbid_caching(response: Response) -> Response:
    """Pages must not stay in the browser's cache for its next user."""
    response.headers["Cache-Control"] = "no-store"
    return private(response)


from koyjabo.web.admin import (  # noqa: E402  (they add their routes to bp)
    annotation_list,  # noqa: F401
    audit,  # noqa: F401
    communities,  # noqa: F401
    design,  # noqa: F401
    health,  # noqa: F401
    insights,  # noqa: F401
    members,  # noqa: F401
    overview,  # noqa: F401
    realtime,  # noqa: F401
    search,  # noqa: F401
    settings,  # noqa: F401
    shares,  # noqa: F401
    state,  # noqa: F401
    users,  # noqa: F401
    visits,  # noqa: F401
)
from koyjabo.web.admin.data import actions, forms  # noqa: E402, F401
