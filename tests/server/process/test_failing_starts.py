"""Starts that go wrong. A problem that waiting cannot solve ends the start with status 2 and one sentence, which names
the setting and has the system's reason. Other problems are waited for.
"""

import os
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.databases.database import EMPTY, MIGRATED, PostgresDatabase, PostgresDatabases, SqliteDatabase
from support.databases.pgbouncer import PgBouncer
from support.faults.failing_programs import SERVE, written
from support.programs.forking import start_anew
from support.programs.processes import environment, wait_until
from support.servers.server import Server

from koyjabo.server.process.start import MIN_FILES

UNUSABLE = "DATABASE_URL names a database that cannot be used: "
SOMEBODY = 65534
"""The id of another user."""

PRIVILEGES = "dac_override dac_read_search fowner"
NO_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""Python reads files as ASCII unless the program names another encoding."""

MAX_CASES = "server/process/test_failing_starts.py::test_problem_that_stays_ends_the_start_with_one_sentence"


class World:
    """Where a start goes wrong. What the cases make is removed when `stack` is closed."""

    def __init__(self, folder: Path, postgres: PostgresDatabases, stack: ExitStack) -> None:
        self.folder = folder
        self.postgres = postgres
        self.stack = stack

    def database(self, like: str = EMPTY, *statements: str) -> PostgresDatabase:
        """A database of PostgreSQL. `{name}` in a statement is its name."""
        database = self.postgres.new_database(like)
        database.begin()
        self.stack.callback(database.remove)
        self.postgres.execute(*(statement.format(name=database.name) for statement in statements))
        return database

    def url(self, like: str = EMPTY, *statements: str, user: str = "postgres", options: str = "") -> str:
        return self.database(like, *statements).url.replace("postgres:", f"{user}:", 1) + options

    def encoded(self, encoding: str) -> str:
        """The URL of a database in another encoding."""
        name = f"encoded_{uuid.uuid4().hex}"
        self.postgres.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'")
        self.stack.callback(self.postgres.execute, f"DROP DATABASE {name} WITH (FORCE)")
        return self.postgres.url_of(name)

    def role(self, attributes: str = "LOGIN") -> str:
        name = f"role_{uuid.uuid4().hex}"
        self.postgres.execute(f"CREATE ROLE {name} {attributes}")
        self.stack.callback(self.postgres.execute, f"DROP ROLE {name}")
        return name

    def file(self, name: str = "koyjabo.db", content: bytes = b"") -> str:
        """A file of another user, if the tests run as root."""
        path = self.folder / name
        path.write_bytes(content)
        return str(self.given_away(path, 0o600))

    def given_away(self, path: Path, mode: int) -> Path:
        path.chmod(mode)
        if os.getuid() == 0:
            os.chown(path, SOMEBODY, SOMEBODY)
        return path

    def pooled(self, options: str) -> str:
        """The URL of an empty database behind PgBouncer."""
        pooler = self.stack.enter_context(PgBouncer(self.folder, self.postgres, pool_size=2))
        return pooler.url_of(self.database().name) + options


class Case(NamedTuple):
    settings: Callable[[World], dict[str, Any]]
    sentence: tuple[str, ...]  # parts of the sentence
    script: str = ""
    """Shell commands that start the server as "$0" wsgi.py; "" for a usual start."""


def database(url: Callable[[World], str], *reason: str, script: str = "") -> Case:
    return Case(lambda world: {"DATABASE_URL": url(world)}, (UNUSABLE, *reason), script)


def sqlite(path: Callable[[World], object], *reason: str) -> Case:
    return database(lambda world: f"sqlite:///{path(world)}", *reason)


def unprivileged(path: Callable[[World], object], *reason: str) -> Case:
    """Start a server that may not ignore the permissions of files, as root may."""
    dropped = ",".join(f"-{name}" for name in PRIVILEGES.split()) if os.getuid() == 0 else ""
    begin = f"setpriv --bounding-set={dropped}" if dropped else ""
    return sqlite(path, *reason)._replace(script=f'exec {begin} "$0" wsgi.py')


QUICK = {
    "a folder instead of a file": sqlite(lambda world: world.folder, "Is a directory"),
    "a database that does not exist": database(lambda world: world.postgres.url_of("nowhere"), "does not exist"),
    "a database in LATIN1": database(lambda world: world.encoded("LATIN1"), "encoding is LATIN1"),
    "a parameter of other drivers": database(lambda world: world.url(options="&sslmode=no-verify"), "sslmode"),
    "a role that may only read": database(
        lambda world: world.url(MIGRATED, "GRANT pg_read_all_data TO " + (role := world.role()), user=role),
        "its role lacks SELECT, INSERT, UPDATE or DELETE on ",
    ),
    "too few descriptors": Case(
        lambda world: {}, ("limit on open files",), f'ulimit -n {MIN_FILES - 1}; exec "$0" wsgi.py'
    ),
    "a page that is no path": Case(
        lambda world: {"PAGE_NUMBERS": "posts/*"}, ("PAGE_NUMBERS is 'posts/*': it should be * or paths",)
    ),
}
LONG = {
    "a file that is no database": sqlite(
        lambda world: world.file(content=b"A letter to my aunt." * 100), "not a database"
    ),
    "a folder that takes no files": sqlite(lambda world: "/proc/koyjabo.db", "No such file or directory: /proc"),
    "a file of another user": unprivileged(lambda world: world.file(), "Permission denied: "),
    "a log of another user": unprivileged(
        lambda world: world.file("x.db-wal").removesuffix("-wal"), "Permission denied: ", "-wal"
    ),
    "a folder of another user": unprivileged(
        lambda world: world.given_away(world.folder, 0o555) / "x.db", "Permission denied: "
    ),
    "a role that may not log in": database(lambda world: world.url(user=world.role("NOLOGIN")), "not permitted"),
    "a role that may not create tables": database(lambda world: world.url(user=world.role()), "permission denied"),
    "a role that may read nothing": database(
        lambda world: world.url(MIGRATED, user=world.role()), "permission denied for table"
    ),
    "a database that is read-only": database(
        lambda world: world.url(EMPTY, "ALTER DATABASE {name} SET default_transaction_read_only = on"), "read-only"
    ),
    "a newer schema": database(
        lambda world: newer(world.database(MIGRATED)), "a newer version of this program has migrated it"
    ),
    "a port out of range": database(lambda world: "postgresql://db:99999/x", "invalid port number"),
    "an unknown service": database(lambda world: "postgresql:///x?service=elsewhere", '"elsewhere" not found'),
    "options behind PgBouncer": database(
        lambda world: world.pooled("?options=-c%20search_path%3Dpublic"), "unsupported startup parameter"
    ),
    "a key file that is a folder": Case(
        lambda world: {"SECRET_KEY": None, "SECRET_KEY_FILE": world.folder}, ("SECRET_KEY_FILE", "Is a directory")
    ),
    "a missing certificate of Redis": Case(
        lambda world: {"REDIS_URL": "rediss://host/0?ssl_ca_certs=/nowhere.pem"}, ("REDIS_URL", "No such file")
    ),
}


def newer(database: PostgresDatabase) -> str:
    database.rows("UPDATE alembic_version SET version_num = '9999'")
    database.rows("UPDATE database_identity SET compatible_from = '9999'")
    return database.url


class ScriptedServer(Server):
    """A server that `script` starts in a shell. "$0" is Python."""

    script = ""

    def _start(self, *files):
        if not self.script:
            return super()._start(*files)
        return start_anew(["bash", "-c", self.script, sys.executable], environment(**self.settings), files)


@pytest.fixture
def world(tmp_path, postgres) -> Iterator[World]:
    folder = tmp_path / "world"
    folder.mkdir()
    with ExitStack() as stack:
        yield World(folder, postgres, stack)


@pytest.mark.parametrize(
    "case",
    [
        *(pytest.param(case, id=name) for name, case in QUICK.items()),
        *(pytest.param(case, id=name, marks=pytest.mark.long(proved_by=MAX_CASES)) for name, case in LONG.items()),
    ],
)
def test_problem_that_stays_ends_the_start_with_one_sentence(case, world, sqlite_database, tmp_path):
    server = ScriptedServer(sqlite_database, tmp_path, **case.settings(world))
    server.script = case.script
    try:
        assert server.launch().wait(timeout_s=30).status == 2
    finally:
        server.kill()
    (line,) = server.log.splitlines()
    assert all(part in line for part in case.sentence), line
    assert line.endswith("."), line
    assert "[Errno" not in line


WITHOUT_ICONS = f"""
from koyjabo.web.assets import static_files
static_files.NEEDED_FILES = ("static/vendor/no_icons.svg",)
{SERVE}
"""


def test_start_without_the_files_that_pages_need_ends_with_the_command_that_makes_them(new_server, tmp_path):
    server = new_server(SqliteDatabase.migrated(tmp_path / "koyjabo.db"))
    server.program = written(tmp_path, WITHOUT_ICONS)
    assert server.launch().wait().status == 2
    (line,) = server.log.splitlines()
    assert "static/vendor/no_icons.svg" in line
    assert line.endswith("Run `make assets`.")


@pytest.mark.honest_start
@pytest.mark.empty_database
def test_start_without_a_locale_serves(new_server, sqlite_database):
    server = new_server(sqlite_database, **NO_LOCALE, ADMIN_EMAIL="a@b.example", ADMIN_PASSWORD="ঢাকা থেকে চট্টগ্রাম")
    assert server.start().register("ayesha", page="/মিরপুর").ordinal == 1


def test_start_that_waited_ends_when_the_database_turns_out_to_be_unusable(disposable_postgres, new_server, tmp_path):
    """The workers find it, because the database was away when the start checked it. Only one of them says so."""
    disposable_postgres.execute("CREATE DATABASE old ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")
    disposable_postgres.kill()
    url = disposable_postgres.url_of("old")
    server = new_server(SqliteDatabase(tmp_path / "x.db"), DATABASE_URL=url, WEB_CONCURRENCY=2, REDIS_URL=ANY_REDIS)
    server.launch()
    wait_until(lambda: "database_unreachable" in server.log, "it waits")
    disposable_postgres.start()
    assert server.wait(timeout_s=30).status == 2
    sentences = [line for line in server.log.splitlines() if line.startswith(UNUSABLE)]
    assert len(sentences) == 1, server.log
    assert "encoding is LATIN1" in sentences[0]
    assert "Traceback" not in server.log


ANY_REDIS = "redis://127.0.0.1:1/0"
