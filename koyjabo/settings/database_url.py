"""DATABASE_URL: as hosts write it, as SQLAlchemy takes it, and whether what it names outlives a deploy.

SQLAlchemy itself is not imported: the settings are read at every start, by a process that may need no more than them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote

PARTS = re.compile(
    r"(?P<backend>\w+)(\+\w+)?://(?P<rest>([^:/]*(:[^@]*)?@)?(\[[^/?]+\]|[^/:?]*)(:\d*)?"
    r"(/(?P<database>[^?]*))?(\?(?P<query>.*))?)"
)
"""As SQLAlchemy reads a URL."""


def normal(text: str, folder: Path) -> str:
    """The URL for SQLAlchemy: replaces `postgres://`, which hosts write, and makes a file's path absolute, relative
    to `folder`.

    Raises ValueError with a message for the operator.
    """
    url = PARTS.fullmatch(text or "sqlite:///koyjabo.db")
    if url is None:
        raise ValueError("DATABASE_URL is not a URL; use sqlite:///file.db or postgresql://user@host/name.")
    backend = url["backend"]
    if backend in ("postgres", "postgresql"):
        return f"postgresql+psycopg2://{url['rest']}"
    if backend != "sqlite":
        raise ValueError(f"DATABASE_URL names {backend}, which is not supported; use sqlite:///… or postgresql://….")
    if url["database"] in (None, "", ":memory:") or "mode" in parse_qs(url["query"] or ""):
        raise ValueError(
            "DATABASE_URL names a database in memory, which forgets every visit at a restart; "
            "use a file, such as sqlite:////var/data/koyjabo.db."
        )
    query = f"?{url['query']}" if url["query"] else ""
    return f"sqlite:///{quote(str(folder / unquote(url['database'])), safe=' +/')}{query}"


def file_of(database_url: str) -> Path | None:
    """The file of a `normal` URL; None when it names a server."""
    url = PARTS.fullmatch(database_url)
    return Path(unquote(url["database"])) if url and url["backend"] == "sqlite" else None


def for_libpq(database_url: str) -> str:
    """A `normal` URL of PostgreSQL without the driver's name."""
    return database_url.replace("+psycopg2", "", 1)


def is_ephemeral(database_url: str) -> bool:
    """Whether the database is a file on the host's root file system, not on a mounted disk."""
    file = file_of(database_url)
    if file is None:
        return False
    return not any(os.path.ismount(folder) for folder in file.resolve().parents if folder != Path("/"))
