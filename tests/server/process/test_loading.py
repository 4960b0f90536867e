"""Processes import only what they need: of backends, drivers and bridges, only what the settings name."""

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
    keys = {"AUTH_JWKS_URL": "http://127.0.0.1:1/", "AUTH_ISSUER": "x", "AUTH_AUDIENCE": "x"}
    settings = {"REDIS_URL": ANY_REDIS, "WEB_CONCURRENCY": 2, **keys}
    return output_of(NOTHING_SHARED + RANDOM, HEAVY, RULES, LATE, PUBLIC_KEYS, **settings)


def test_only_backends_that_settings_name_are_loaded_and_nothing_is_loaded_later(output_of, with_redis):
    _, with_sqlite, rules, late, verifies = with_redis
    assert (with_sqlite, rules, late, verifies) == ("redis sqlite3", "1", "", "True")
    assert output_of(HEAVY, RULES, LATE, PUBLIC_KEYS) == ["sqlite3", "1", "", "False"]


def test_forks_share_no_hub_thread_file_or_random_state(with_redis):
    """Python reseeds its random state in each fork. All other random numbers come from the system."""
    assert with_redis[0].splitlines() == ["eventlet.hubs.selects 1 []", "True True"]
