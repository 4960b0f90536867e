"""`koyjabo verify`, `total set` and `stats`, with running servers and on damaged ledgers."""

import json
import re
import subprocess
import sys

import pytest
from support.application.commands import koyjabo
from support.application.site import Site
from support.assertions.ledger import assert_verified
from support.programs.processes import ROOT, environment, run

HERE = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"
FOUNDED = f"""
INSERT INTO counters (scope, epoch, visits, total, unique_visitors, revision)
SELECT '{HERE}', epoch, 0, 0, 0, revision FROM counters
"""
DAMAGE = {
    "a row that was deleted": ("visits", "DELETE FROM visits WHERE id = 3"),
    "the newest row deleted": ("counters", "DELETE FROM visits WHERE id = 6"),
    "an ordinal that was changed": ("visits", "UPDATE visits SET ordinal = ordinal + 1 WHERE id = 6"),
    "a visitor who is missing": ("visitors", "DELETE FROM visitors WHERE visitor_id = 'karim' AND scope = 'site'"),
    "a visitor who never came": ("counters", "INSERT INTO visitors VALUES ('site', 'nobody', 99, NULL)"),
    "an adjustment that is missing": ("counters", "DELETE FROM adjustments"),
    "an hour somebody was not there": ("person_days", "UPDATE person_days SET slots = 4611686018427387904"),
    "a day that began at another time": ("hourly_people", "UPDATE person_days SET began_s = began_s - 1800"),
    "a last day that is none": ("people", "UPDATE people SET last_day = '2038-01-01' WHERE person LIKE 'v:%'"),
    "a person who never came": ("people", f"INSERT INTO people VALUES (99, '{HERE}', 'u:nobody', '2025-12-16')"),
    "a visitor who is nobody's": ("people", "UPDATE people SET person = 'v:stranger' WHERE person = 'v:nila'"),
    "a visitor who is known and anonymous": ("people", "UPDATE visitors SET user_id = 'x' WHERE visitor_id = 'nila'"),
    "a day nobody came on": ("returns", f"INSERT INTO returns VALUES ('{HERE}', '2025-01-01', '', 1, 0)"),
    "a conversion that did not happen": (
        "conversions",
        f"INSERT INTO conversions VALUES ('1', '{HERE}', 'nila', 'somebody', 1, NULL)",
    ),
}


@pytest.fixture
def sound_ledger(sqlite_database):
    """A ledger without a server: six visits by three visitors on top of 4000, the last three also in a community."""
    with Site(sqlite_database.url, STARTING_TOTAL=4000) as site:
        site.rows(FOUNDED)
        for visitor in ("ayesha", "karim", "ayesha"):
            site.register(visitor)
        for visitor in ("nila", "karim", "ayesha"):
            site.register(visitor, communityId=HERE)
        assert site.recount() == []
    return sqlite_database


def verify(database) -> set[str]:
    """Run the command on a damaged ledger, and return the tables that it reports."""
    done = run("-m", "koyjabo", "verify", DATABASE_URL=database.url)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return tables(done.stdout.splitlines())


def tables(problems: list[str]) -> set[str]:
    return {line.partition(":")[0] for line in problems}


def test_the_verify_command_finds_each_damage_of_a_ledger(sound_ledger):
    ruin, missed = sound_ledger.copy(), {}
    for name, (where, damage) in DAMAGE.items():
        ruin.rows(damage)
        damaged = sound_ledger.copy()
        damaged.rows(damage)
        with Site(damaged.url) as site:
            wrong_tables = tables(site.recount())
        if where not in wrong_tables:
            missed[name] = wrong_tables
    assert missed == {}
    assert verify(ruin) >= {table for table, _ in DAMAGE.values()}


def test_a_running_server_follows_a_total_that_is_set_by_hand(server):
    """It goes up within the epoch, but down only in a new one, since pages drop a number that falls within an epoch."""
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


def test_the_first_help_page_leaves_out_the_command_for_old_primaries():
    first = koyjabo("--help").output
    listed = set(re.findall(r"^  (\w+) ", first, re.MULTILINE))
    assert {"forget", "verify"} <= listed
    assert not {"ledger", "prune"} & listed
    assert "accept" in koyjabo("ledger", "--help").output


def test_a_command_fails_with_one_line_if_its_output_is_closed_or_full(sqlite_database):
    for output in (">&-", ">/dev/full"):
        done = subprocess.run(
            ["/bin/sh", "-c", f'exec "$0" -m koyjabo stats {output}', sys.executable],
            cwd=ROOT,
            env=environment(DATABASE_URL=sqlite_database.url),
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1, output
        assert len(done.stderr.splitlines()) == 1, done.stderr
