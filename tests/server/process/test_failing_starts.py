"""Starts that go wrong. A problem that waiting cannot solve ends the start with status 2 and one sentence, which names
the setting and has the system's reason. Other problems are waited for.
"""

import re
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from support.databases.database import MIGRATED, PostgresDatabases, SqliteDatabase
from support.faults.failing_programs import SERVE, written
from support.programs.processes import ROOT, environment, wait_until

from koyjabo.server.process.start import MIN_FILES

ANY_REDIS = "redis://127.0.0.1:1/0"
UNUSABLE = "DATABASE_URL names a database that cannot be used: "


def of_reader(postgres: PostgresDatabases) -> str:
    """The URL of a migrated database, with a role that may only read."""
    role, database = f"reader_{uuid.uuid4().hex}", postgres.new_database(MIGRATED)
    database.begin()
    postgres.execute(f"CREATE ROLE {role} LOGIN", f"GRANT pg_read_all_data TO {role}")
    return database.url.replace("postgres@", f"{role}@", 1)


CASES: dict[str, tuple[Callable[[PostgresDatabases], str], str]] = {
    "a folder instead of a file": (lambda _: "sqlite:////tmp", "Is a directory"),
    "a database that does not exist": (lambda postgres: postgres.url_of("nowhere"), "does not exist"),
    "a parameter of other drivers": (lambda postgres: postgres.url_of("x") + "&sslmode=no-verify", "sslmode"),
    "a role that may only read": (of_reader, "its role lacks SELECT, INSERT, UPDATE or DELETE on "),
}
"""The database of each case, and the reason that the sentence has."""


@pytest.mark.parametrize("case", CASES)
def test_a_database_that_waiting_cannot_make_usable_ends_the_start_with_one_sentence(case, postgres, new_server):
    url, reason = CASES[case]
    server = new_server(SqliteDatabase(Path("unused.db")), DATABASE_URL=url(postgres))
    assert server.launch().wait(timeout_s=30).status == 2
    (line,) = server.log.splitlines()
    assert line.startswith(UNUSABLE)
    assert reason in line
    assert line.endswith(".")
    assert "[Errno" not in line


def test_too_few_files_end_the_start_with_one_sentence(sqlite_database):
    few = f'ulimit -n {MIN_FILES - 1}; exec "$0" wsgi.py'
    settings = environment(DATABASE_URL=sqlite_database.url)
    ended = subprocess.run(["bash", "-c", few, sys.executable], env=settings, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 2
    assert re.fullmatch(r"[^\n]*limit on open files[^\n]*\.\n", ended.stderr), ended.stderr


WITHOUT_ICONS = f"""
from koyjabo.web.assets import static_files
static_files.NEEDED_FILES = ("static/vendor/no_icons.svg",)
{SERVE}
"""


def test_a_start_without_the_files_of_pages_ends_with_the_command_that_builds_them(new_server, tmp_path):
    server = new_server(SqliteDatabase.migrated(tmp_path / "koyjabo.db"))
    server.program = written(tmp_path, WITHOUT_ICONS)
    assert server.launch().wait().status == 2
    (line,) = server.log.splitlines()
    assert "static/vendor/no_icons.svg" in line
    assert line.endswith("Run `make assets`.")


def test_a_start_that_waited_ends_when_the_database_turns_out_to_be_unusable(disposable_postgres, new_server, tmp_path):
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
