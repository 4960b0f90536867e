"""Reduces a driver's error to one word that says why nothing can be written."""

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
"""Causes by SQLite's primary error code. SQLITE_BUSY_SNAPSHOT, for example, is a kind of SQLITE_BUSY."""

OF_POSTGRES = {"55P03": LOCKED, "53100": FULL, "25006": READ_ONLY}
"""Causes by SQLSTATE. An error without SQLSTATE did not come from the server."""


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
    """The driver's message, without a full stop and without the lines that SQLAlchemy adds for programmers."""
    return str(getattr(error.__cause__, "orig", error.__cause__ or error)).strip().rstrip(".")
