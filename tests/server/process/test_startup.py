"""Starts: one sentence names an unusable setting, HOST is used, and only what settings name is imported."""

import re
import socket

import psutil
import pytest
from support.programs.processes import is_gone, run, wait_until
from support.servers.server import START_S, Server

from koyjabo.base.database.file_lock import FileLock

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


@pytest.mark.empty_database
def test_bad_setting_stops_the_server_with_a_sentence_that_names_it(refused, sqlite_database):
    for setting, given in BAD:
        message = refused(**given)
        assert setting in message, given
        assert len(message.splitlines()) == 1, message
        assert message.endswith("."), message
    assert not sqlite_database.path.exists(), "the database was touched"


@pytest.mark.empty_database
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


@pytest.mark.empty_database
def test_migration_that_is_killed_is_reported_in_a_sentence(migrating):
    server, child = migrating
    child.kill()
    assert server.wait(timeout_s=30).status == BAD_SETTINGS
    assert "was killed by signal 9" in server.log
    assert "Traceback" not in server.log


@pytest.mark.empty_database
def test_server_that_leaves_while_it_migrates_leaves_no_process(migrating):
    server, child = migrating
    assert server.stop().status == 0
    wait_until(lambda: is_gone(child), "the process that migrates has ended, too")


def announced(server: Server) -> int:
    """The port, once the server has logged it."""
    match = wait_until(lambda: re.search(r"http://\S+:(\d+)", server.log), "it says where it serves")
    return int(match[1])


def is_alive(host: str, port: int) -> bool:
    with socket.create_connection((host, port), 5) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return line.recv(100).startswith(b"HTTP/1.1 200")


def test_server_listens_on_no_other_address(new_server, sqlite_database):
    server = new_server(sqlite_database, HOST="127.0.0.2").launch()
    assert is_alive("127.0.0.2", announced(server))
    # Another program may have the same port on 127.0.0.1, so a connection to it would prove nothing.
    parent = psutil.Process(server.pid)
    sockets = [socket for process in [parent, *parent.children(True)] for socket in process.net_connections("tcp")]
    assert {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN} == {"127.0.0.2"}


def test_server_on_all_ipv6_addresses_listens_on_all_ipv4_addresses_as_well(new_server, sqlite_database):
    port = announced(new_server(sqlite_database, HOST="::").launch())
    assert is_alive("::1", port)
    assert is_alive("127.0.0.1", port)


ANY_REDIS = "redis://127.0.0.1:1/0"
LOAD = """
import sys
from koyjabo.server.process import loading
loading.patch()
from koyjabo.server.loop import eventlet_loop
import config
settings = config.load()
loading.load(settings)
before = set(sys.modules)
"""
ENDED = "---"
END = f"\nprint('{ENDED}')\n"
HEAVY = """
import sys
drivers = {"psycopg2", "redis", "sqlalchemy.dialects.postgresql", "sqlite3"}
heavy = {"alembic", "koyjabo.site.bridges.koyjabo", "requests", *drivers}
print(*sorted(heavy & set(sys.modules)))
"""
RULES = """
from koyjabo.base.network import user_agents
print(user_agents.compiled_rules.cache_info().currsize)
"""
ANY_KEY = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----"""
PUBLIC_KEYS = """
from jwt.algorithms import has_crypto
print(has_crypto)
"""
LATE = """
import koyjabo
eventlet_loop.use_own_hub()
koyjabo.create_app(runtime=eventlet_loop.EventletRuntime())
print(*sorted(name for name in set(sys.modules) - before if name.startswith("koyjabo")))
"""
NOTHING_SHARED = """
import os
from eventlet import hubs
files = map(str, (os.path.realpath(f"/proc/self/fd/{item}") for item in os.listdir("/proc/self/fd")))
shared = [item for item in files if "event" in item or "socket" in item]
print(type(hubs.get_hub()).__module__, len(os.listdir("/proc/self/task")), shared)
"""
RANDOM = """
import gc, random
states = [item for item in gc.get_objects() if isinstance(item, random.Random)]
print(all(item is random._inst or isinstance(item, random.SystemRandom) for item in states), len(states) > 1)
"""


@pytest.fixture(scope="module")
def output_of(module_sqlite_database):
    """Output of a process that has loaded the application. Starting it takes longer than all checks, so they
    share it.
    """

    def by(*scripts: str, **settings: object) -> list[str]:
        done = run("-c", LOAD + END.join(scripts), **{"DATABASE_URL": module_sqlite_database.url, **settings})
        # The application of LATE may live long enough to notice that ANY_REDIS is down.
        errors = [line for line in done.stderr.splitlines() if not line.startswith("redis_unreachable ")]
        assert (done.returncode, errors) == (0, [])
        return [part.strip() for part in done.stdout.split(ENDED)]

    return by


@pytest.fixture(scope="module")
def with_redis(output_of) -> list[str]:
    keys = {"AUTH_PUBLIC_KEY": ANY_KEY, "AUTH_ISSUER": "x", "AUTH_AUDIENCE": "x"}
    settings = {"REDIS_URL": ANY_REDIS, "WEB_CONCURRENCY": 2, **keys}
    return output_of(NOTHING_SHARED + RANDOM, HEAVY, RULES, LATE, PUBLIC_KEYS, **settings)


def test_only_backends_that_settings_name_are_loaded_and_nothing_is_loaded_later(output_of, with_redis):
    _, with_sqlite, rules, late, verifies = with_redis
    assert (with_sqlite, rules, late, verifies) == ("redis sqlite3", "1", "", "True")
    assert output_of(HEAVY, RULES, LATE, PUBLIC_KEYS) == ["sqlite3", "1", "", "False"]


def test_forks_share_no_hub_thread_file_or_random_state(with_redis):
    """Python reseeds its random state in each fork. All other random numbers come from the system."""
    assert with_redis[0].splitlines() == ["eventlet.hubs.selects 1 []", "True True"]
