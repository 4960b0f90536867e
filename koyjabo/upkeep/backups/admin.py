"""/admin/data/backups: make a backup now, or download one."""

from flask import Response, url_for
from flask_babel import gettext as _

from koyjabo.base.core.errors import BackupUnderWay
from koyjabo.base.core.i18n import N_
from koyjabo.people.accounts.login import authentication
from koyjabo.web.current import admin as bp, current
from koyjabo.web.forms.forms import Confirmation
from koyjabo.web.http.responses import download
from koyjabo.web.pages.redirects import done
from koyjabo.web.panel.pages import me, my_login, while_admin
from .backups import Backups
from .stores import new_name


@bp.post("/data/backups")
def back_up() -> Response:
    try:
        current()[Backups].begin(me())
    except BackupUnderWay:
        return done(
            N_("A backup is already running. This page shows its progress."), "admin.data", _anchor="backups-label"
        )
    return done(N_("The backup has started. This page shows its progress."), "admin.data", _anchor="backups-label")


@bp.post("/data/backups/download")
def download_backup() -> Response:
    effects = (
        _("The file has all personal data of the site: visits, emails, password hashes and the audit log."),
        _("Keep it where only you can read it. It restores everything except the environment."),
    )
    back = url_for("admin.data", _anchor="backups-label")
    question = Confirmation(_("Download a backup?"), effects, _("Download"), back, kind="primary")
    authentication.confirm_proved(my_login(), question)
    pieces = current()[Backups].download(me())
    name = new_name(current().clock.now_ms())
    return download(pieces, name, "application/octet-stream", while_admin())
