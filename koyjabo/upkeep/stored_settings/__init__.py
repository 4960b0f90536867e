"""The settings that admins change on the page Server or with `koyjabo settings`. They are stored in the database, and
apply on all workers and servers without a restart.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

COMMANDS = {"settings": "cli:settings"}
TABLES = ("models",)
FILLS = {
    "people.audit.log:ACTION_LABELS": "stored_settings:SETTINGS_ACTIONS",
}


def register(base: "Base") -> None:
    """Apply the stored settings, and follow what any worker or server stores later."""
    from .stored_settings import SETTINGS_POLL_S, StoredSettings

    stored = base.services.add(StoredSettings(base))
    base.every(SETTINGS_POLL_S, stored.refresh)
