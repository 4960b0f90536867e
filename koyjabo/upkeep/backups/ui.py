"""Backups as shown on the page Server."""

import shlex
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from koyjabo.base.settings.schema import Settings
from koyjabo.web.current import current
from koyjabo.web.i18n import reason_in_words
from koyjabo.web.panel.pages import me
from .backups import Backups, BackupState
from .folder import BackupFile

AT_FIRST = 10
"""How many backups are shown at first. The rest can be expanded."""


class BackupsShown(NamedTuple):
    """The backups shown on the page. Viewers see no paths, commands or errors."""

    is_on: bool
    state: BackupState
    folder: str  # "" for viewers
    error: Markup  # of the last attempt; "" for viewers

    def restore(self, file: BackupFile) -> str:
        """The `koyjabo restore` argument, quoted for a shell; "" for viewers and for unverified backups."""
        return shlex.quote(str(Path(self.folder, file.name))) if self.folder and file.is_verified else ""


def shown() -> BackupsShown:
    """The backups, for site admins and viewers."""
    services, is_admin = current(), me().is_admin
    state = services[Backups].state(me())
    return BackupsShown(
        is_on=services[Backups].is_on,
        state=state,
        folder=services[Settings].backup_dir if is_admin else "",
        error=reason_in_words(state.failed.error) if state.failed and is_admin else Markup(""),
    )
