"""An unusable setting stops the server at once with one sentence that names it."""

import socket

import psutil
import pytest
from support.programs.processes import is_gone, run, wait_until
from support.servers.server import START_S, Server

from koyjabo.base.database.sqlite import FileLock

pytestmark = pytest.mark.empty_database

BAD_SETTINGS = 2

BAD = [
    ("PORT", {"PORT": "70000"}),
    ("HOST", {"HOST": "localhost"}),
    ("DATABASE_URL", {"DATABASE_URL": "sqlite:///:memory:"}),
    ("REDIS_URL", {"WEB_CONCURRENCY": "2"}),
    ("SECRET_KEY", {"SECRET_KEY": None}),
    ("BACKUP_DIR", {"BACKUP_DIR": "/proc/backups"}),
    ("ALLOW_EPHEMERAL_STORAGE", {"RENDER": "true", "DATABASE_URL": "sqlite:////a-folder-that-is-no-mount/koyjabo.db"}),
]
"""Messages and the settings that cause them. tests/base/settings has all invalid values."""


@pytest.fixture
def refused(sqlite_database):
    """Start the server with invalid settings, and return its output."""

    def start(**settings: object) -> str:
        ended = run("wsgi.py", timeout_s=60, **{"DATABASE_URL": sqlite_database.url, **settings})
        assert (ended.returncode, ended.stdout) == (BAD_SETTINGS, ""), ended
        return ended.stderr.strip()

    return start


def test_bad_setting_stops_the_server_with_a_sentence_that_names_it(refused, sqlite_database):
    for setting, given in BAD:
        message = refused(**given)
        assert setting in message, given
        assert len(message.splitlines()) == 1, message
        assert message.endswith("."), message
    assert not sqlite_database.path.exists(), "the database was touched"


def test_port_in_use_or_foreign_host_ends_the_start_with_one_sentence(refused):
    with socket.create_server(("", 0)) as other:
        port = other.getsockname()[1]
        for message, begin in ((refused(PORT=port), f"PORT {port} "), (refused(HOST="192.0.2.1"), "HOST 192.0.2.1 ")):
            assert message.startswith(begin)
            assert len(message.splitlines()) == 1, message


@pytest.fixture
def migrating(new_server, sqlite_database) -> tuple[Server, psutil.Process]:
    """A server whose migration process is frozen."""
    with FileLock(str(sqlite_database.path)).held():  # it waits for this lock
        server = new_server(sqlite_database).launch()
        (child,) = wait_until(psutil.Process(server.pid).children, "there is a process that migrates", START_S)
        lock = f"{sqlite_database.path}.lock"
        wait_until(lambda: lock in {file.path for file in child.open_files()}, "it migrates", START_S)
        child.suspend()
    return server, child


def test_migration_that_is_killed_is_reported_in_a_sentence(migrating):
    server, child = migrating
    child.kill()
    assert server.wait(timeout_s=30).status == BAD_SETTINGS
    assert "was killed by signal 9" in server.log
    assert "Traceback" not in server.log


def test_server_that_leaves_while_it_migrates_leaves_no_process(migrating):
    server, child = migrating
    assert server.stop().status == 0
    wait_until(lambda: is_gone(child), "the process that migrates has ended, too")
