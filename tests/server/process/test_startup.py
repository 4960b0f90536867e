"""Starts: one sentence names what cannot be used, HOST is used, and only what settings name is imported."""

import re
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from support.databases.database import MIGRATED, PostgresDatabases, SqliteDatabase
from support.faults.failing_programs import SERVE, written
from support.programs.installed import MissingProgram
from support.programs.patience import PATIENCE_S
from support.programs.processes import ROOT, environment, is_gone, run, wait_until
from support.servers.server import START_S, Server

from koyjabo.base.database.file_lock import FileLock
from koyjabo.server.process.start import MIN_FILES

BAD_SETTINGS = 2


@pytest.mark.empty_database
def test_an_unusable_setting_ends_the_start_with_one_sentence_that_names_it(sqlite_database):
    """tests/base/settings has all invalid values."""
    with socket.create_server(("", 0)) as other:
        port = other.getsockname()[1]
        for setting, given in {
            "BACKUP_DIR": {"BACKUP_DIR": "/proc/backups"},
            f"PORT {port} ": {"PORT": port},
            "HOST 192.0.2.1 ": {"HOST": "192.0.2.1"},
        }.items():
            ended = run("wsgi.py", **{"DATABASE_URL": sqlite_database.url, **given})
            assert (ended.returncode, ended.stdout) == (BAD_SETTINGS, ""), ended
            assert re.fullmatch(rf"{setting}[^\n]+\.", ended.stderr.strip()), ended.stderr
            assert not sqlite_database.path.exists(), "the database was touched"


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


@pytest.mark.empty_database
def test_a_killed_migration_ends_the_start_with_a_sentence(migrating):
    server, child = migrating
    child.kill()
    assert server.wait(START_S).status == BAD_SETTINGS
    assert "was killed by signal 9" in server.log
    assert "Traceback" not in server.log


@pytest.mark.empty_database
def test_sigterm_during_a_migration_leaves_no_process(migrating):
    server, child = migrating
    assert server.stop().status == 0
    wait_until(lambda: is_gone(child), "the process that migrates has ended, too")


def announced(server: Server) -> int:
    """The port, once the server has logged it."""
    match = wait_until(lambda: re.search(r"http://\S+:(\d+)", server.log), "it says where it serves")
    return int(match[1])


def is_alive(host: str, port: int) -> bool:
    with socket.create_connection((host, port), PATIENCE_S) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return line.recv(100).startswith(b"HTTP/1.1 200")


def test_a_server_listens_only_on_the_address_that_the_setting_host_names(new_server, sqlite_database):
    server = new_server(sqlite_database, HOST="127.0.0.2").launch()
    assert is_alive("127.0.0.2", announced(server))
    # Another program may have the same port on 127.0.0.1, so a connection to it would prove nothing.
    parent = psutil.Process(server.pid)
    sockets = [socket for process in [parent, *parent.children(True)] for socket in process.net_connections("tcp")]
    assert {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN} == {"127.0.0.2"}


def test_a_server_on_all_ipv6_addresses_also_listens_on_all_ipv4_addresses(new_server, sqlite_database):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        raise MissingProgram("IPv6 is missing: `sysctl net.ipv6.conf.all.disable_ipv6=0` turns it on") from None
    port = announced(new_server(sqlite_database, HOST="::").launch())
    assert is_alive("::1", port)
    assert is_alive("127.0.0.1", port)


LOAD = """
import gc, os, random, sys
from koyjabo.server.process import loading
loading.patch()
from koyjabo.server.loop import eventlet_loop
import config
settings = config.load()
loading.load(settings)
before = set(sys.modules)

from eventlet import hubs
files = map(str, (os.path.realpath(f"/proc/self/fd/{item}") for item in os.listdir("/proc/self/fd")))
print(type(hubs.get_hub()).__module__, len(os.listdir("/proc/self/task")))
print(*[item for item in files if "event" in item or "socket" in item])
states = [item for item in gc.get_objects() if isinstance(item, random.Random)]
print(all(item is random._inst or isinstance(item, random.SystemRandom) for item in states), len(states) > 1)

drivers = {"psycopg2", "redis", "sqlalchemy.dialects.postgresql", "sqlite3"}
heavy = {"alembic", "koyjabo.site.bridges.koyjabo", "requests", *drivers}
print(*sorted(heavy & set(sys.modules)))

import koyjabo
eventlet_loop.use_own_hub()
koyjabo.create_app(runtime=eventlet_loop.EventletRuntime())
print(*sorted(name for name in set(sys.modules) - before if name.startswith("koyjabo")))
"""


def test_the_parent_loads_the_settings_and_shares_no_files_or_random_state_with_workers(sqlite_database):
    """Python reseeds its random state in each fork. All other random numbers come from the system."""
    done = run("-c", LOAD, DATABASE_URL=sqlite_database.url)
    assert (done.returncode, done.stderr) == (0, "")
    hub, shared_files, random_states, backends, loaded_later = done.stdout.splitlines()
    assert (hub, shared_files, random_states) == ("eventlet.hubs.selects 1", "", "True True")
    assert (backends, loaded_later) == ("sqlite3", "")


ANY_REDIS = "redis://127.0.0.1:1/0"
UNUSABLE = "DATABASE_URL names a database that cannot be used: "


def of_reader(postgres: PostgresDatabases) -> str:
    """The URL of a migrated database, with a role that may only read."""
    role, database = f"reader_{uuid.uuid4().hex}", postgres.new_database(MIGRATED)
    database.begin()
    postgres.execute(f"CREATE ROLE {role} LOGIN", f"GRANT pg_read_all_data TO {role}")
    return database.url.replace("postgres@", f"{role}@", 1)


CASES: dict[str, Callable[[PostgresDatabases], str]] = {  # the URL of a database, by the reason that the sentence has
    "Is a directory": lambda _: "sqlite:////tmp",
    "its role lacks SELECT, INSERT, UPDATE or DELETE on ": of_reader,
}


@pytest.mark.parametrize("reason", CASES)
def test_a_database_that_waiting_cannot_make_usable_ends_the_start_with_one_sentence(reason, postgres, new_server):
    server = new_server(SqliteDatabase(Path("unused.db")), DATABASE_URL=CASES[reason](postgres))
    assert server.launch().wait(START_S).status == 2
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
    assert server.wait(START_S).status == 2
    sentences = [line for line in server.log.splitlines() if line.startswith(UNUSABLE)]
    assert len(sentences) == 1, server.log
    assert "encoding is LATIN1" in sentences[0]
    assert "Traceback" not in server.log
