"""Why nothing can be written, as a word that operators can act on, derived from the driver's error."""

from __future__ import annotations

from errno import ENOSPC

from koyjabo.core.errors import LedgerUnavailable
from koyjabo.database.timelines import TIMELINES

LOCKED, FULL, READ_ONLY, AWAY, OLD_PRIMARY = CAUSES = ("locked", "full", "read_only", "away", "old_primary")

OF_SQLITE = {
    "SQLITE_BUSY": LOCKED,
    "SQLITE_LOCKED": LOCKED,
    "SQLITE_FULL": FULL,
    "SQLITE_READONLY": READ_ONLY,
    "SQLITE_CANTOPEN": AWAY,
}
"""Causes by SQLite's primary error code, since SQLITE_BUSY_SNAPSHOT is a kind of SQLITE_BUSY."""

OF_POSTGRES = {"55P03": LOCKED, "53100": FULL, "25006": READ_ONLY}
"""Causes by SQLSTATE. An error without one did not come from a server."""


def cause_of(error: BaseException) -> str:
    """One of CAUSES; "" if the error has no known cause."""
    if TIMELINES.refusal:
        return OLD_PRIMARY
    if isinstance(error, OSError):
        return FULL if error.errno == ENOSPC else ""
    name = getattr(error, "sqlite_errorname", "")
    if name:
        return OF_SQLITE.get("_".join(name.split("_")[:2]), "")
    if hasattr(error, "pgcode"):
        return OF_POSTGRES.get(error.pgcode, "") if error.pgcode else AWAY
    return AWAY if str(error).endswith(" is gone") else ""


def reason_of(error: LedgerUnavailable) -> str:
    """The driver's message, without SQLAlchemy's additions for programmers, and without a full stop."""
    return str(getattr(error.__cause__, "orig", error.__cause__ or error)).strip().rstrip(".")
