"""Why visits are not saved, in sentences."""

from typing import NamedTuple

from koyjabo.base.core.i18n import N_
from koyjabo.base.database.timelines import TIMELINES


class Cause(NamedTuple):
    """Why visits are not saved, what to do, and where docs/troubleshooting.md says more."""

    sentence: str
    advice: str
    section: str


CAUSE_SENTENCES = {
    "locked": Cause(
        N_("Another program has locked the database."),
        N_("Stop the program that locks it, or wait. Visits are then saved automatically."),
        "the-database-is-locked",
    ),
    "full": Cause(
        N_("The disk of the database is full."),
        N_("Delete what is not needed, such as old backups, or use a larger disk."),
        "the-disk-is-full",
    ),
    "read_only": Cause(
        N_("The database accepts no writes."),
        N_("Give the server's user write access. Hosting services allow no writes while a disk is full."),
        "the-database-accepts-no-writes",
    ),
    "standby": Cause(
        N_("The database is a standby."),
        N_("Promote it, or name the primary in DATABASE_URL."),
        "the-database-accepts-no-writes",
    ),
    "refused": Cause(
        N_("The database refuses this server."),
        N_("Check the user, password and options in DATABASE_URL, and the user's rights; the log has the reason."),
        "the-database-does-not-answer",
    ),
    "away": Cause(
        N_("The database does not respond."),
        N_("Check that the database runs and that DATABASE_URL is right."),
        "the-database-does-not-answer",
    ),
    "old_primary": Cause(
        N_("An old primary database server is back, and is not used."),
        N_("docs/failover.md#an-old-primary-that-comes-back says how to fix it."),
        "an-old-primary-came-back",
    ),
}
"""By `outage_causes.OUTAGE_CAUSES`."""

UNKNOWN_CAUSE = Cause(
    "",
    N_("Look for a program that locks the database, and check the disk; the log has the reason."),
    "visits-get-503-ledger_unavailable",
)


def cause_of_silence() -> Cause:
    """Why the database cannot be read. An old primary is refused before it is read."""
    return CAUSE_SENTENCES["old_primary" if TIMELINES.refusal else "away"]
