"""/admin: what admins of the site see and do. Every page asks for the right anew, and every action for its token."""

from __future__ import annotations

from flask import Blueprint, Response

from koyjabo.web.http.cache_headers import private
from koyjabo.web.security import page_login

bp = Blueprint("admin", __name__, url_prefix="/admin")


@bp.before_request
def admit() -> None:
    """One guard for all there is: a new page cannot forget it."""
    page_login.require_site_admin()


@bp.after_request
def keep_nothing(response: Response) -> Response:
    """What is shown here is not for whoever uses the browser next."""
    response.headers["Cache-Control"] = "no-store"
    return private(response)


from koyjabo.web.admin import audit, communities, export, ledger_actions, members, overview, system, users, visits
