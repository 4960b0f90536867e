"""The frame of the panel, for admins of the site and for its viewers. Each page checks the permission, and each action
its CSRF token.
"""

from __future__ import annotations

from flask import Response, request

from koyjabo.core.errors import LedgerUnavailable
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.http.cache_headers import private
from koyjabo.webkit.login import page_login

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
