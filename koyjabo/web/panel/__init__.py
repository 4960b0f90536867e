"""Code shared by the panel's pages, for admins and viewers of the site. Every page checks the permission, and every
action also checks a CSRF token.
"""

from collections.abc import Callable
from typing import TypeVar

from flask import Blueprint, Response, current_app, request

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.web.blueprints import PANEL_PREFIX
from koyjabo.web.current import current
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import private
from koyjabo.web.login import page_login
from koyjabo.web.login.remembered_logins import RememberedLogins

View = TypeVar("View", bound=Callable[..., Response])

PATH = "/admin"


def panel_blueprint(name: str) -> Blueprint:
    """A blueprint for pages of the panel, below /admin. Every request is checked, and no response is cached."""
    blueprint = Blueprint(f"{PANEL_PREFIX}{name}", __name__, url_prefix=PATH)
    declare(blueprint, f"{PATH}/", PathPolicy.PANEL)
    blueprint.before_request(admit)
    blueprint.after_request(forbid_caching)
    return blueprint


def for_viewers(view: View) -> View:
    """Let viewers use a route. The route must not change anything. The services mask what viewers may not see."""
    view.for_viewers = True  # type: ignore[attr-defined]
    return view


def for_open_pages(view: View) -> View:
    """Let anyone use a route for viewers while the database is unavailable, because no account can be checked."""
    view.for_open_pages = True  # type: ignore[attr-defined]
    return for_viewers(view)


def without_database(view: View) -> View:
    """While the database is unavailable, let people who used the panel recently use a route for viewers."""
    view.without_database = True  # type: ignore[attr-defined]
    return for_viewers(view)


def admit() -> None:
    """Check the permission for all routes in one place, so that no page is forgotten. A route without `for_viewers` is
    only for admins.
    """
    view = current_app.view_functions[request.endpoint or ""]
    try:
        account = page_login.require_panel()
    except LedgerUnavailable:
        # Open pages must be able to show that visits are not being saved. /readyz shows this to anyone.
        if hasattr(view, "for_open_pages") or (hasattr(view, "without_database") and page_login.remembered()):
            return
        raise
    current()[RememberedLogins].remember(page_login.require_login())
    if not hasattr(view, "for_viewers"):
        account.require_site_admin()


def forbid_caching(response: Response) -> Response:
    """Keep pages out of the browser's cache, because another person may use it next."""
    response.headers["Cache-Control"] = "no-store"
    return private(response)
