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
