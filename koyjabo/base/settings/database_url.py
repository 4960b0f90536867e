"""DATABASE_URL: converts the forms that hosting platforms use into SQLAlchemy's, and finds out whether a deploy would
delete the database.

Does not import SQLAlchemy, because settings are read at every start, sometimes by a process that needs nothing else.
"""

import os
import re
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode

DATABASE_URL_PARTS = re.compile(
    r"(?P<backend>\w+)(\+\w+)?://(?P<rest>(?P<user>[^:/]*(:[^@]*)?@)?(?P<hosts>(\[[^/?]+\]|[^/:?,]*)(:\d+)?(,[^/?]*)?)"
    r"(/(?P<database>[^?]*))?(\?(?P<query>.*))?)"
)
"""Splits a URL as SQLAlchemy does, and accepts several hosts as libpq does."""

POSTGRES_HOST = re.compile(r"(\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[^][:@,]+))(:(?P<port>\d{1,5}))?")
POSTGRES_PORT = "5432"


def normal(text: str, folder: Path) -> str:
    """The URL for SQLAlchemy: replaces `postgres://`, which many platforms use, and resolves a file's path against
    `folder`.

    Raises ValueError with a message for the operator.
    """
    url = DATABASE_URL_PARTS.fullmatch(text or "sqlite:///koyjabo.db")
    if url is None:
        raise ValueError("DATABASE_URL is not a URL; use sqlite:///file.db or postgresql://user@host/name.")
    backend = url["backend"]
    if backend in ("postgres", "postgresql"):
        return f"postgresql+psycopg2://{_with_hosts_apart(_with_plus(url['rest']))}"
    if backend != "sqlite":
        raise ValueError(f"DATABASE_URL names {backend}, which is not supported; use sqlite:///… or postgresql://….")
    return f"sqlite:///{quote(str(folder / _path(url)), safe=' +/')}"


def _path(url: re.Match[str]) -> str:
    """The path in a SQLite URL. Raises ValueError if the path is missing, or if another part would be ignored."""
    path, query = unquote(url["database"] or ""), url["query"] or ""
    if url["user"] or url["hosts"]:
        raise ValueError(
            "DATABASE_URL has a host, and a file has none: write sqlite:///file.db for a file in instance/, or "
            "sqlite:////folder/file.db for any other one."
        )
    if path in ("", ":memory:") or query.startswith("mode=memory"):
        raise ValueError(
            "DATABASE_URL is an in-memory database, which loses every visit at a restart; "
            "use a file, such as sqlite:////var/data/koyjabo.db."
        )
    if query:
        raise ValueError("DATABASE_URL has options, which a SQLite file cannot have; write %3F for a ? in its name.")
    if path.startswith("~"):
        raise ValueError("DATABASE_URL begins with ~, which only a shell replaces; write sqlite:////home/me/file.db.")
    return path


def _with_plus(rest: str) -> str:
    """The part after the scheme, with `%2B` for a plus sign in an option. SQLAlchemy would read it as a space, which
    libpq does not.
    """
    place, mark, query = rest.partition("?")
    return place + mark + query.replace("+", "%2B")


def _with_hosts_apart(rest: str) -> str:
    """The part after the scheme. Several hosts, as written for libpq (`a:5432,b:5433`) or SQLAlchemy
    (`?host=a:5432&host=b`), become lists of hosts and ports in the query, which both understand. Raises ValueError.
    """
    url = DATABASE_URL_PARTS.fullmatch(f"postgresql://{rest}")
    assert url is not None
    query = parse_qsl(url["query"] or "", keep_blank_values=True)
    named = [value for name, value in query if name == "host"]
    hosts = named if len(named) > 1 else url["hosts"].split(",")
    if len(hosts) == 1:
        if "@" in hosts[0]:
            raise ValueError("DATABASE_URL has an @ in its user or password; write %40 for it.")
        return rest
    matches = [POSTGRES_HOST.fullmatch(host) for host in hosts]
    if not all(matches):
        raise ValueError(
            "DATABASE_URL has several hosts, and one of them is invalid; "
            "write them as postgresql://user@a:5432,[::1]:5433/name."
        )
    lists = {
        "host": ",".join(unquote(host["name"] or host["address"]) for host in matches if host),
        "port": ",".join(host["port"] or POSTGRES_PORT for host in matches if host),
    }
    others = {name: value for name, value in query if name not in lists}
    return f"{url['user'] or ''}/{url['database'] or ''}?{urlencode({**lists, **others}, safe=',:/', quote_via=quote)}"


def file_of(database_url: str) -> Path | None:
    """The file of a `normal` URL; None if the URL names a server."""
    url = DATABASE_URL_PARTS.fullmatch(database_url)
    return Path(unquote(url["database"])) if url and url["backend"] == "sqlite" else None


def for_libpq(database_url: str) -> str:
    """A `normal` PostgreSQL URL without the driver's name."""
    return database_url.replace("+psycopg2", "", 1)


def is_ephemeral(database_url: str) -> bool:
    """Whether the database is a file on the root file system, not on a mounted disk."""
    file = file_of(database_url)
    if file is None:
        return False
    return not any(os.path.ismount(folder) for folder in file.resolve().parents if folder != Path("/"))
