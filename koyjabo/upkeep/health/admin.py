"""POST /admin/server/rollback: acknowledge that the database was rolled back.

GET /admin/state: whether visits are saved, for the header of open pages of the panel.
"""

from flask import Response, request

from koyjabo.base.core.i18n import N_
from koyjabo.counting.stats import encode
from koyjabo.web.current import current
from koyjabo.web.pages.flash import done
from koyjabo.web.panel import for_open_pages, panel_blueprint
from koyjabo.web.panel.pages import me
from .health import Health
from .ui import unsaved

bp = panel_blueprint("health")


@bp.post("/server/rollback")
def mark_rollback_seen() -> Response:
    at_ms = request.form.get("at", 0, type=int)
    current()[Health].mark_rollback_seen(me(), at_ms)
    return done(N_("Marked as seen."), "panel_server.server")


@bp.get("/state")
@for_open_pages
def state() -> Response:
    """Return the state, at most 300 bytes. Open pages request it once a minute, every few seconds while visits are not
    being saved, and when their connection reports a change. While the database is down, the account is not checked,
    because /readyz publishes the same information.
    """
    return Response(encode({"unsaved": unsaved()}), mimetype="application/json")


@bp.app_context_processor
def _header() -> dict[str, object]:
    return {"unsaved": unsaved}
