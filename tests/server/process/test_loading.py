"""Processes import only what they need: of backends, drivers and bridges, only what the settings name."""

from __future__ import annotations

import pytest
from support.programs.processes import run

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
heavy = {"OpenSSL", "alembic", "koyjabo.site.bridges", "requests", *drivers}
print(*sorted(heavy & set(sys.modules)))
"""
RULES = """
from koyjabo.base.network import user_agents
print(user_agents._rules.cache_info().currsize)
"""
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
import gc, os, random, uuid
states = [item for item in gc.get_objects() if isinstance(item, random.Random)]
print(all(item is random._inst or isinstance(item, random.SystemRandom) for item in states), len(states) > 1)

def drawn():
    return repr([random.random(), random.SystemRandom().random(), uuid.uuid4()])

def drawn_by_a_fork():
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, drawn().encode())
        os._exit(0)
    return os.read(reader, 1000).decode()

print(len({drawn_by_a_fork(), drawn_by_a_fork(), drawn()}))
"""
GROUPS = """
import koyjabo
from koyjabo.web.openapi.document import specification
paths = specification(koyjabo.make_routes(settings, {}))["paths"].values()
print(*dict.fromkeys(call["tags"][0] for calls in paths for call in calls.values()))
"""
PREPARE = """
from koyjabo.server.process.loading import prepare
print(prepare(settings), "alembic" in sys.modules)
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
    keys = {"AUTH_JWKS_URL": "http://127.0.0.1:1/", "AUTH_ISSUER": "x", "AUTH_AUDIENCE": "x"}
    settings = {"REDIS_URL": ANY_REDIS, "WEB_CONCURRENCY": 2, **keys}
    return output_of(NOTHING_SHARED + RANDOM, HEAVY, RULES, LATE, PUBLIC_KEYS, GROUPS, **settings)


def test_backends_that_settings_name_are_loaded_and_nothing_of_ours_is_left_to_load(output_of, with_redis):
    _, with_sqlite, rules, late, verifies, _ = with_redis
    assert (with_sqlite, rules, late, verifies) == ("redis sqlite3", "1", "", "True")
    assert output_of(HEAVY, RULES, LATE, PUBLIC_KEYS) == ["sqlite3", "1", "", "False"]


@pytest.mark.long(
    proved_by="server/process/test_loading.py::test_backends_that_settings_name_are_loaded_and_nothing_of_ours_is_left_to_load"
)
def test_driver_of_postgres_is_loaded_where_it_is_used(output_of):
    assert output_of(HEAVY, DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing") == [
        "psycopg2 sqlalchemy.dialects.postgresql sqlite3"
    ]


def test_forks_share_no_hub_thread_file_or_random_state(with_redis):
    """Python reseeds its random state in each fork. All other random numbers come from the system."""
    alone, *drawn = with_redis[0].splitlines()
    assert alone == "eventlet.hubs.selects 1 []"
    assert drawn == ["True True", "3"]


def test_api_description_lists_calls_in_the_order_of_the_features(with_redis):
    assert with_redis[-1] == "accounts communities webhooks keys visits reports operation"


@pytest.mark.empty_database
def test_child_process_migrates(sqlite_database):
    done = run("-c", LOAD + PREPARE, DATABASE_URL=sqlite_database.url, STARTING_TOTAL=4000)
    assert (done.stdout.strip(), done.stderr) == ("True False", "")
    assert sqlite_database.rows("SELECT total FROM counters") == [(4000,)]
