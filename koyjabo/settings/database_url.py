"""DATABASE_URL: as hosts write it, as SQLAlchemy takes it, and whether what it names outlives a deploy."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError


def normal(text: str, folder: Path) -> str:
    """The URL SQLAlchemy takes: hosts say `postgres://`, and a file's path is made absolute, from `folder`.

    Raises ValueError with the sentence for the operator.
    """
    try:
        url = make_url(text or "sqlite:///koyjabo.db")
    except (ArgumentError, ValueError):
        raise ValueError("DATABASE_URL is not a URL; use sqlite:///file.db or postgresql://user@host/name.") from None
    backend = url.drivername.partition("+")[0]
    if backend in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)
    if backend != "sqlite":
        raise ValueError(f"DATABASE_URL names {backend}, which is not supported; use sqlite:///… or postgresql://….")
    if url.database in (None, "", ":memory:") or "mode" in url.query:
        raise ValueError(
            "DATABASE_URL names a database in memory, which forgets every visit at a restart; "
            "use a file, such as sqlite:////var/data/koyjabo.db."
        )
    return url.set(drivername="sqlite", database=str(folder / url.database)).render_as_string()


def is_ephemeral(database: URL) -> bool:
    """True when the database is a file on the host's root file system, and not on a disk mounted beside it."""
    if database.get_backend_name() != "sqlite":
        return False
    folders = Path(database.database or "").resolve().parents
    return not any(os.path.ismount(folder) for folder in folders if folder != Path("/"))
