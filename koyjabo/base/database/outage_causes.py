"""Reduces a driver's error to one word that says why nothing can be written."""

import re
from errno import EACCES, EDQUOT, ENOSPC, EPERM, EROFS

from .timelines import TIMELINES

CAUSES = ("locked", "full", "read_only", "standby", "away", "refused", "old_primary")
LOCKED, FULL, READ_ONLY, STANDBY, AWAY, REFUSED, OLD_PRIMARY = CAUSES

OF_SQLITE = {
    "SQLITE_BUSY": LOCKED,
    "SQLITE_LOCKED": LOCKED,
    "SQLITE_FULL": FULL,
    "SQLITE_READONLY": READ_ONLY,
    "SQLITE_CANTOPEN": REFUSED,
}
"""Causes by SQLite's primary error code. SQLITE_BUSY_SNAPSHOT, for example, is a kind of SQLITE_BUSY."""

OF_POSTGRES = {"55P03": LOCKED, "53100": FULL, "25006": READ_ONLY}
"""Causes by SQLSTATE. Errors of connecting have none, not even the server's."""

OF_SYSTEM = {ENOSPC: FULL, EDQUOT: FULL, EACCES: READ_ONLY, EPERM: READ_ONLY, EROFS: READ_ONLY}

QUOTED = re.compile('"[^"]*+"')
"""Names in a message, such as a host's, which may contain any words."""

OF_CONNECTING = {
    STANDBY: re.compile("hot standby mode"),
    READ_ONLY: re.compile("session is read-only"),
    REFUSED: re.compile(
        "authentication failed|no password supplied|pg_hba[.]conf|not permitted to log in|permission denied"
        "|Permission denied|no such (?:database|user)|[Cc]ertificate|private key|does not support|require|[Ii]nvalid"
        "|may not be used|[Uu]nrecognized|[Uu]nsupported|cannot be changed|definition of service|is too long"
        '|could not parse|config error|(?:database|role|file) "" does not exist'
    ),
}
"""How libpq, PostgreSQL and PgBouncer word causes. With another `lc_messages` a server's own words are not recognized;
the cause is then AWAY.
"""


def cause_of(error: BaseException) -> str:
    """One of CAUSES; "" if the error has no known cause."""
    if cause := getattr(error, "cause", ""):
        return str(cause)
    if TIMELINES.refusal:
        return OLD_PRIMARY
    if isinstance(error, OSError):
        return OF_SYSTEM.get(error.errno or 0, "")
    name = getattr(error, "sqlite_errorname", "")
    if name:
        return OF_SQLITE.get("_".join(name.split("_")[:2]), "")
    if hasattr(error, "pgcode"):
        return OF_POSTGRES.get(error.pgcode, "") if error.pgcode else cause_of_connecting(error)
    return AWAY if str(error).endswith(" is gone") else ""


def cause_of_connecting(error: BaseException) -> str:
    """Why PostgreSQL or a pooler cannot be used."""
    text = QUOTED.sub('""', str(error))
    said = (cause for cause, words in OF_CONNECTING.items() if words.search(text))
    return str(getattr(error, "cause", "")) or next(said, AWAY)


def waiting_helps(error: BaseException) -> bool:
    """Whether a start may succeed later with the same settings."""
    return cause_of(error) not in ((REFUSED, READ_ONLY) if hasattr(error, "sqlite_errorname") else (REFUSED,))


def reason_of(error: Exception) -> str:
    """The driver's message, without a full stop and without the lines that SQLAlchemy adds for programmers."""
    return str(getattr(error.__cause__, "orig", error.__cause__ or error)).strip().rstrip(".")
