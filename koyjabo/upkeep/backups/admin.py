"""Backups on the page Server: their row, and /admin/server/backups, which makes one now."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from flask import Response

from koyjabo.base.core.errors import BackupUnderWay, InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.installation import home
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.pages.flash import done
from koyjabo.web.panel import panel_blueprint
from koyjabo.web.panel.pages import me
from koyjabo.web.panel.server_page import FirstStep, ServerRow
from . import ui
from .backups import Backups

bp = panel_blueprint("backups")

BACKUP_ROW = "backups"
BACKUP_STARTED = N_("The backup has started. It is listed here when it is complete.")


class BackupRow(ServerRow):
    template = "backups/server.html"

    def read(self, form: Form[Any] | None) -> Mapping[str, Any]:
        return {
            "is_on": current()[Backups].is_on,
            "shown": ui.shown,
            "last": current()[Backups].last,
            "at_first": ui.AT_FIRST,
        }

    def form(self, form: Form[Any]) -> Form[Any]:
        if not current()[Backups].is_on:
            form.values["backup_dir"] = str(home() / "instance" / "backups")
        return form

    def changes(self, form: Form[Any], changes: dict[str, str]) -> dict[str, str]:
        is_fixed = current()[StoredSettings].is_fixed("BACKUP_DIR")
        if "now" in form.values and not (is_fixed or form.values.get("backup_dir")):
            raise InvalidInput(details={"BACKUP_DIR": N_("Choose a folder.")})
        return changes

    def saved(self, form: Form[Any]) -> str:
        if "now" not in form.values or not current()[Backups].is_on:
            return ""
        with suppress(BackupUnderWay):
            current()[Backups].begin(me())
        return BACKUP_STARTED


BACKUP_ROWS = {BACKUP_ROW: BackupRow()}
BACKUP_STEPS = {BACKUP_ROW: FirstStep(4, BackupRow.template, N_("Turn on"), lambda: current()[Backups].is_on)}


@bp.post("/server/backups")
def back_up() -> Response:
    try:
        current()[Backups].begin(me())
    except BackupUnderWay:
        return done(N_("A backup is already running."), "panel_server.server", _anchor=BACKUP_ROW)
    return done(BACKUP_STARTED, "panel_server.server", _anchor=BACKUP_ROW)
