"""/admin/server/backups: make a backup now."""

from flask import Response

from koyjabo.base.core.errors import BackupUnderWay
from koyjabo.base.core.i18n import N_
from koyjabo.web.current import current
from koyjabo.web.pages.flash import done
from koyjabo.web.panel import panel_blueprint
from koyjabo.web.panel.pages import me
from .backups import Backups

bp = panel_blueprint("backups")


@bp.post("/server/backups")
def back_up() -> Response:
    try:
        current()[Backups].begin(me())
    except BackupUnderWay:
        return done(N_("A backup is already running."), "panel_server.server", _anchor="backups")
    started = N_("The backup has started. It is listed here when it is complete.")
    return done(started, "panel_server.server", _anchor="backups")
