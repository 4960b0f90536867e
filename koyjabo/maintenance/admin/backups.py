"""Backups on /admin/data, and POST /admin/data/backups, which makes one now."""

from __future__ import annotations

from typing import NamedTuple

from flask import Response
from flask_babel import lazy_gettext as _
from markupsafe import Markup

from koyjabo.core.errors import BackupUnderWay
from koyjabo.maintenance.backups.backups import BackupState
from koyjabo.maintenance.backups.run_queries import BackupRow
from koyjabo.maintenance.backups.targets import BUCKET, COMMAND, FOLDER
from koyjabo.maintenance.services import MaintenanceServices
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.i18n import count, duration, translated
from koyjabo.webkit.pages.flash import done
from koyjabo.webkit.panel.pages import me

STEPS = {
    "writing": _("Writing the file"),
    "keeping": _("Copying it into the folder"),
    "sending": _("Sending it to the bucket"),
    "fetching": _("Fetching it back"),
    "restoring": _("Restoring it"),
    "verifying": _("Counting again"),
    "handing on": _("Running the command"),
    "rotating": _("Removing old ones"),
}
TARGETS = {FOLDER: _("Folder"), BUCKET: _("Bucket"), COMMAND: _("Command")}

ENGLISH = Markup('<span lang="en">{}</span>')
PLACE = Markup('<span translate="no">{}</span>')

AT_FIRST = 10
"""How many are shown at once; the others open."""


class BackupsShown(NamedTuple):
    """`restore` is the argument of the command that restores the newest proven one; "" if none can be named."""

    is_on: bool
    state: BackupState
    ended: list[BackupRow]  # the newest first
    targets: list[tuple[object, Markup]]
    restore: str

    def step(self, row: BackupRow) -> object:
        return STEPS.get(row.step, row.step)

    def reason(self, row: BackupRow) -> Markup:
        return reason(row.error or "")

    def took(self, row: BackupRow) -> str:
        """`42 seconds`, `5 minutes`"""
        return duration(max(1, round(((row.ended_ms or row.seen_ms) - row.begun_ms) / 1000)))

    def proof(self, row: BackupRow) -> str:
        """`22,121 = 22,121`: the total of the backup, and what counting it again gave; "" if it was not counted."""
        if row.total is None or row.restored_total is None:
            return ""
        return f"{count(row.total)} {'=' if row.total == row.restored_total else '≠'} {count(row.restored_total)}"


def reason(error: str) -> Markup:
    """Why a backup failed: a sentence that has a translation, or the words of the system or of a bucket."""
    said = translated(error)
    return ENGLISH.format(error) if said == error else Markup("{}").format(said)


def shown() -> BackupsShown:
    """For admins and viewers of the site."""
    services = current()[MaintenanceServices]
    state, targets = services.backups.state(me()), services.backup_targets
    return BackupsShown(
        services.backups.is_on,
        state,
        [row for row in state.rows if row is not state.running],
        [(TARGETS[kind], PLACE.format(place)) for kind, place in targets.shown()],
        targets.restore_argument(state.proven.name) if state.proven else "",
    )


@bp.post("/data/backups")
def back_up() -> Response:
    try:
        current()[MaintenanceServices].backups.begin(me())
    except BackupUnderWay:
        return done("backup_under_way", "admin.data", _anchor="backups-label")
    return done("backing_up", "admin.data", _anchor="backups-label")
