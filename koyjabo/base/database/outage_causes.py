"""Reduces a driver's error to one word that says why nothing can be written."""

import re
from errno import EACCES, EDQUOT, ENOSPC, EPERM, EROFS

from .timelines import TIMELINES

OUTAGE_CAUSES = ("locked", "full", "read_only", "standby", "away", "refused", "old_primary")
CAUSE_LOCKED, CAUSE_FULL, CAUSE_READ_ONLY, CAUSE_STANDBY, CAUSE_AWAY, CAUSE_REFUSED, CAUSE_OLD_PRIMARY = OUTAGE_CAUSES

SQLITE_CAUSES = {
    "SQLITE_BUSY": CAUSE_LOCKED,
    "SQLITE_LOCKED": CAUSE_LOCKED,
    "SQLITE_FULL": CAUSE_FULL,
    "SQLITE_READONLY": CAUSE_READ_ONLY,
    "SQLITE_CANTOPEN": CAUSE_REFUSED,
}
"""Causes by SQLite's primary error code. SQLITE_BUSY_SNAPSHOT, for example, is a kind of SQLITE_BUSY."""

LACKING_FILE_SYSTEM = ("SQLITE_IOERR_SHMMAP", "SQLITE_IOERR_SHMLOCK", "SQLITE_IOERR_LOCK", "SQLITE_IOERR_RDLOCK")
"""SQLite's error codes on a file system without locks, or without memory that processes share."""

NO_SUCH_TABLE = "SQLITE_ERROR"
"""SQLite's error code for statements that do not fit the tables."""

POSTGRES_CAUSES = {
    "55P03": CAUSE_LOCKED,
    "53100": CAUSE_FULL,
    "25006": CAUSE_READ_ONLY,
    "42501": CAUSE_REFUSED,  # a right was revoked
    "42P01": CAUSE_REFUSED,  # a table is missing: without USAGE of its schema, or while a dump is being restored
    "42P10": CAUSE_REFUSED,  # likewise, a key is missing
}
"""Causes by SQLSTATE. Errors of connecting have none, not even the server's."""

SYSTEM_CAUSES = {
    ENOSPC: CAUSE_FULL,
    EDQUOT: CAUSE_FULL,
    EACCES: CAUSE_READ_ONLY,
    EPERM: CAUSE_READ_ONLY,
    EROFS: CAUSE_READ_ONLY,
}

QUOTED_VALUE = re.compile('"[^"]*+"')
"""Names in a message, such as a host's, which may contain any words."""

CONNECTING_CAUSES = {
    CAUSE_STANDBY: re.compile("hot standby mode"),
    CAUSE_READ_ONLY: re.compile("session is read-only"),
    CAUSE_REFUSED: re.compile(
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
    """One of OUTAGE_CAUSES; "" if the error has no known cause."""
    if cause := getattr(error, "cause", ""):
        return str(cause)
    if TIMELINES.refusal:
        return CAUSE_OLD_PRIMARY
    if isinstance(error, OSError):
        return SYSTEM_CAUSES.get(error.errno or 0, "")
    name = getattr(error, "sqlite_errorname", "")
    if name:
        return SQLITE_CAUSES.get("_".join(name.split("_")[:2]), "")
    if hasattr(error, "pgcode"):
        return POSTGRES_CAUSES.get(error.pgcode, "") if error.pgcode else cause_of_connecting(error)
    return CAUSE_AWAY if str(error).endswith(" is gone") else ""


def cause_of_connecting(error: BaseException) -> str:
    """Why PostgreSQL or a pooler cannot be used."""
    text = QUOTED_VALUE.sub('""', str(error))
    said = (cause for cause, words in CONNECTING_CAUSES.items() if words.search(text))
    return str(getattr(error, "cause", "")) or next(said, CAUSE_AWAY)


def waiting_helps(error: BaseException) -> bool:
    """Whether a start may succeed later with the same settings."""
    if not (name := getattr(error, "sqlite_errorname", "")):
        return cause_of(error) != CAUSE_REFUSED
    return name not in (*LACKING_FILE_SYSTEM, NO_SUCH_TABLE) and cause_of(error) not in (CAUSE_REFUSED, CAUSE_READ_ONLY)


def reason_of(error: Exception) -> str:
    """The driver's message in one line, without a full stop, and without the statement and the values that SQLAlchemy
    and PostgreSQL add.
    """
    driver = getattr(error.__cause__, "orig", error.__cause__ or error)
    text = getattr(getattr(driver, "diag", None), "message_primary", None) or str(driver)
    return " ".join(text.split()).rstrip(".")
