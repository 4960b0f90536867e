"""Backups as shown on /admin/data."""

from typing import NamedTuple

from flask_babel import lazy_gettext as _
from markupsafe import Markup

from koyjabo.base.models import Backup
from koyjabo.base.settings.schema import Settings
from koyjabo.counting.services import CountingServices
from koyjabo.counting.stats import Stats
from koyjabo.web.current import current
from koyjabo.web.i18n import count, duration, translated
from koyjabo.web.panel.pages import me
from . import stores
from .backups import Backups, BackupState
from .stores import BUCKET, FOLDER

STEPS = {
    "writing": _("Writing the file"),
    "keeping": _("Copying it into the folder"),
    "sending": _("Sending it to the bucket"),
    "fetching": _("Fetching it back"),
    "restoring": _("Restoring it"),
    "verifying": _("Counting again"),
    "rotating": _("Removing old ones"),
}
TARGETS = {FOLDER: _("Folder"), BUCKET: _("Bucket")}

ENGLISH = Markup('<span lang="en">{}</span>')
LOCATION = Markup('<span translate="no">{}</span>')

AT_FIRST = 10
"""How many backups are shown at first. The rest can be expanded."""


class BackupsShown(NamedTuple):
    """The backups shown on the page. Viewers see no paths, commands or errors. `now` is the state that a restore would
    replace.
    """

    is_admin: bool
    is_on: bool
    state: BackupState
    ended: list[Backup]  # newest first
    settings: Settings
    now: Stats

    @property
    def stores(self) -> list[tuple[object, Markup]]:
        return [(TARGETS[kind], LOCATION.format(place)) for kind, place in stores.shown(self.settings) if self.is_admin]

    def restore(self, row: Backup) -> str:
        """The `koyjabo restore` argument; "" for viewers and for unverified backups."""
        return stores.restore_argument(self.settings, row.name) if self.is_admin and row.proven_ms is not None else ""

    def lost(self, row: Backup) -> object:
        """The visits that a restore would lose."""
        lost, total = self.now.total - (row.total or 0), count(row.total or 0)
        if lost < 0 or row.epoch != self.now.epoch:
            return _("A new count has started since then. The total becomes %(total)s.", total=total)
        if lost == 1:
            return _("Lost: 1 visit since then. The total becomes %(total)s.", total=total)
        return _("Lost: %(count)s visits since then. The total becomes %(total)s.", count=count(lost), total=total)

    def step(self, row: Backup) -> object:
        return STEPS.get(row.step, row.step)

    def reason(self, row: Backup) -> Markup:
        return reason(row.error or "") if self.is_admin else Markup("")

    def took(self, row: Backup) -> str:
        """How long the backup took: `42 seconds` or `5 minutes`."""
        return duration(max(1, round(((row.ended_ms or row.seen_ms) - row.begun_ms) / 1000)))

    def proof(self, row: Backup) -> object:
        """What the recount of the restored backup showed; "" if it was not recounted."""
        if row.total is None or row.restored_total is None:
            return ""
        if row.total == row.restored_total:
            return _("Verified: the total is %(total)s", total=count(row.total))
        return f"{count(row.total)} ≠ {count(row.restored_total)}"


def reason(error: str) -> Markup:
    """Explain why a backup failed: a translated sentence, or the message from the system or bucket."""
    translation = translated(error)
    return ENGLISH.format(error) if translation == error else Markup("{}").format(translation)


def shown() -> BackupsShown:
    """The backups, for site admins and viewers."""
    services = current()
    state = services[Backups].state(me())
    return BackupsShown(
        is_admin=me().is_admin,
        is_on=services[Backups].is_on,
        state=state,
        ended=[row for row in state.rows if row is not state.running],
        settings=services[Settings],
        now=services[CountingServices].visits.stats(),
    )
