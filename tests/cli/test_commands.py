"""`koyjabo verify`, `total set` and `stats`, beside servers and on ledgers that were damaged."""

from __future__ import annotations

import json

import pytest
from support.checks import assert_verified
from support.processes import run

HERE = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"
FOUNDED = f"""
INSERT INTO counters (scope, epoch, visits, total, unique_visitors, revision)
SELECT '{HERE}', epoch, 0, 0, 0, revision FROM counters
"""
DAMAGE = {
    "a row that was deleted": ("visits", "DELETE FROM visits WHERE id = 3"),
    "the newest row deleted": ("counters", "DELETE FROM visits WHERE id = 6"),
    "an ordinal that was changed": ("visits", "UPDATE visits SET ordinal = ordinal + 1 WHERE id = 6"),
    "a counter set back": ("counters", "UPDATE counters SET total = total - 1"),
    "visits of a day": ("daily_visits", "UPDATE daily_visits SET visits = visits + 1"),
    "new visitors of a day": ("daily_visits", "UPDATE daily_visits SET new_visitors = new_visitors - 1"),
    "visits of an hour": ("hourly_visits", "UPDATE hourly_visits SET visits = visits - 1"),
    "a visitor who is missing": ("visitors", "DELETE FROM visitors WHERE visitor_id = 'karim' AND scope = 'site'"),
    "a visitor who never came": ("counters", "INSERT INTO visitors VALUES ('site', 'nobody', 99, NULL)"),
    "an adjustment that is missing": ("counters", "DELETE FROM adjustments"),
    "an hour somebody was not there": ("person_days", "UPDATE person_days SET slots = 4611686018427387904"),
    "a day that began at another time": ("hourly_people", "UPDATE person_days SET began_s = began_s - 1800"),
    "a last day that is none": ("people", "UPDATE people SET last_day = '2038-01-01' WHERE person LIKE 'v:%'"),
    "a person who never came": ("people", f"INSERT INTO people VALUES (99, '{HERE}', 'u:nobody', '2025-12-16')"),
    "a visitor who is nobody's": ("people", "UPDATE people SET person = 'v:stranger' WHERE person = 'v:nila'"),
    "a visitor who is known and anonymous": ("people", "UPDATE visitors SET user_id = 'x' WHERE visitor_id = 'nila'"),
    "people of a day": ("returns", "UPDATE returns SET anonymous = anonymous + 1"),
    "a day nobody came on": ("returns", f"INSERT INTO returns VALUES ('{HERE}', '2025-01-01', '', 1, 0)"),
    "people of an hour": ("hourly_people", "UPDATE hourly_people SET authenticated = authenticated + 1"),
    "an hour that is missing": ("hourly_people", "DELETE FROM hourly_people"),
    "a conversion that did not happen": (
        "conversions",
        f"INSERT INTO conversions VALUES ('1', '{HERE}', 'nila', 'somebody', 1)",
    ),
}


TABLES = {table for table, _ in DAMAGE.values()}


@pytest.fixture(scope="module")
def sound_ledger(module_servers, module_database):
    """Six visits of three visitors on top of 4000, the last three in a community as well, and no server."""
    server = module_servers(module_database, STARTING_TOTAL=4000).start()
    module_database.rows(FOUNDED)
    for visitor in ("ayesha", "karim", "ayesha"):
        server.register(visitor)
    for visitor in ("nila", "karim", "ayesha"):
        server.register(visitor, communityId=HERE)
    assert_verified(server)
    server.stop()
    return module_database


def tables_verify_complains_of(database, *damages: str) -> set[str]:
    damaged = database.copy()
    for damage in damages:
        damaged.rows(damage)
    found = run("-m", "koyjabo", "verify", DATABASE_URL=damaged.url)
    assert found.returncode == 1, found.stdout + found.stderr
    assert "Traceback" not in found.stderr
    return {line.partition(":")[0] for line in found.stdout.splitlines()}


def test_verify_finds_damage_everywhere_at_once(sound_ledger):
    assert tables_verify_complains_of(sound_ledger, *(damage for _, damage in DAMAGE.values())) >= TABLES


@pytest.mark.long
@pytest.mark.parametrize("module_database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("table", "damage"), DAMAGE.values(), ids=DAMAGE)
def test_verify_finds(table, damage, sound_ledger):
    """The counting is the same on both kinds."""
    assert table in tables_verify_complains_of(sound_ledger, damage)


def test_running_server_follows_a_total_set_by_hand(server):
    """Up within the epoch; down only into a new one, since pages drop a number that falls within one."""
    first = server.register("ayesha", visit="1")
    assert server.koyjabo("total", "set", "4000").returncode == 0
    up = server.stats()
    assert (up.total, up.epoch) == (4000, first.stats.epoch)
    assert up.revision > first.stats.revision
    assert server.register("karim").ordinal == 4001

    refused = server.koyjabo("total", "set", "10")
    assert refused.returncode == 1
    assert "--new-epoch" in refused.stderr
    assert (server.stats().total, server.stats().epoch) == (4001, first.stats.epoch)

    assert server.koyjabo("total", "set", "10", "--new-epoch").returncode == 0
    down = server.stats()
    assert down.total == 10
    assert int(down.epoch, 36) > int(up.epoch, 36)
    assert down.revision > up.revision
    assert server.register("nila").ordinal == 11
    assert server.register("ayesha", visit="1").ordinal == first.ordinal
    shown = json.loads(server.koyjabo("stats", "--json").stdout)
    assert shown == {"total": 11, "today": 3, "unique_visitors": 3}
    assert_verified(server)
