"""How long visits are kept, as a row of the page Server, and a warning if they are kept for longer."""

from collections.abc import Mapping

from koyjabo.base.core.i18n import N_
from koyjabo.base.observability.health_warning import HealthWarning
from koyjabo.base.settings.schema import Settings
from koyjabo.web.current import current
from koyjabo.web.panel.server_page import ServerRow
from .nightly import Nightly

LATE_REDUCTION_MS = 2 * 86_400_000
"""How long the nightly work may be overdue, ms."""


class RetentionRow(ServerRow):
    template = "retention/server.html"

    def needs_proof(self, changes: Mapping[str, str]) -> bool:
        """Whether visits would be kept for fewer days than now, which destroys some. "" restores the default."""
        if "RETENTION_DAYS" not in changes:
            return False
        days = changes["RETENTION_DAYS"] or str(Settings.model_fields["retention_days"].default)
        return not days.isdecimal() or int(days) < current()[Settings].retention_days


RETENTION_ROWS = {"retention": RetentionRow()}


def warning() -> HealthWarning | None:
    """Raises LedgerUnavailable."""
    return judge(current()[Nightly].last_ended_ms(), current().clock.system_ms())


def judge(ended_ms: int | None, now_ms: int) -> HealthWarning | None:
    """`ended_ms`: when the nightly work last ended; None before the first night."""
    if ended_ms is None or now_ms - ended_ms <= LATE_REDUCTION_MS:
        return None
    return HealthWarning(
        "retention",
        N_("Older visits were last reduced on %(at)s; this should happen every night."),
        N_("See nightly_work in the log."),
        "nightly-work-is-late",
        {"at": ended_ms},
        rank=3,
    )


RETENTION_WARNINGS = {"retention": warning}
