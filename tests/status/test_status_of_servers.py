"""What real servers measure of their promises, while workers are killed and the database is away."""

from __future__ import annotations

from typing import Any

import pytest
from communities.live.test_community_workers import GONE_S, on_two_workers, open_on
from support.application.site import Site
from support.clients.listener import PlainListener
from support.clients.members import Member, PlainMember, members
from support.clients.worker_connections import WorkerConnection, only
from support.programs.processes import wait_until
from support.servers.server import Server

from koyjabo.core.identity import OPERATOR
from koyjabo.maintenance.services import MaintenanceServices

MEASURED_S = 40
"""Within this time: noticed, stored after 10 s, and read 5 s after that, on a busy machine."""

QUICK = "status/test_status.py::test_"


def promises(server: Server) -> dict[str, dict[str, Any]]:
    answer = server.get("/api/status")
    assert answer.status_code == 200, answer.text
    return {each["id"]: each for each in answer.json()["promises"]}


def wait_for(server: Server, promise: str, value: object) -> dict[str, Any]:
    wait_until(lambda: promises(server)[promise]["value"] == value, f"{promise} is {value}", MEASURED_S, 0.5)
    return promises(server)[promise]


@pytest.mark.long(proved_by=f"{QUICK}two_workers_see_one_outage_and_add_up_their_retries")
def test_two_workers_add_up_what_they_measure_and_a_start_goes_on_from_it(new_server, tmp_path, disposable_redis):
    server = on_two_workers(new_server, tmp_path, disposable_redis)
    community = Member(server).found()
    left, right = server.workers()
    crowd = members(server, community, 3)
    assert wait_for(server, "members_freed", 0)["ok"]
    with open_on(left, crowd[0], community) as watcher, PlainListener(server.port):
        victims = [open_on(right, one, community, PlainMember) for one in crowd[1:]]
        watcher.wait_for_count(3)
        for worker, visits in ((left, "abc"), (right, "ab")):
            with only(server, worker):
                connection = WorkerConnection(server)
            with connection:
                for visit in visits:  # each was new once, whichever worker saw it first
                    connection.register("ayesha", visit)
                    connection.register("ayesha", visit)
        wait_for(server, "retries_absorbed", 3 + 2 * 2)
        late = promises(server)["commit_to_page_p99"]
        assert (late["value"] is not None, late["ok"]) == (True, True)
        right.kill()
        watcher.wait_for_count(1, GONE_S)
        wait_for(server, "members_freed", 2)
        for victim in victims:
            victim.close()
    server.register("ayesha", "a")
    server.stop()
    server.start()
    found = promises(server)
    assert (found["retries_absorbed"]["value"], found["members_freed"]["value"]) == (8, 2)
    assert server.koyjabo("verify").returncode == 0
    assert wait_for(server, "gaps_and_repeats", 0)["ok"]


@pytest.mark.long(proved_by=f"{QUICK}outage_is_told_while_it_lasts_and_30_days_afterwards")
def test_time_without_a_database_is_told_by_the_server_itself(new_server, disposable_postgres):
    database = disposable_postgres.new_database()
    server = new_server(database).start()
    assert wait_for(server, "minutes_without_ledger", 0)["ok"]
    with disposable_postgres.frozen():
        wait_until(lambda: promises(server)["minutes_without_ledger"]["ok"] is False, "it is told", MEASURED_S, 0.5)
        wait_until(lambda: promises(server)["minutes_without_ledger"]["value"] >= 0.2, "12 s have passed", MEASURED_S)
    wait_until(lambda: not server.stats().stale, "it is back", MEASURED_S)
    wait_until(lambda: database.rows("SELECT 1 FROM measured_minutes"), "it is stored", MEASURED_S)
    assert 0.2 <= promises(server)["minutes_without_ledger"]["value"] <= 1.5


@pytest.mark.long(proved_by=f"{QUICK}backup_is_proven_for_36_hours_and_only_where_backups_are_on")
def test_backup_that_the_server_has_proven_is_told(sqlite_database, tmp_path):
    with Site(sqlite_database.url, BACKUP_DIR=str(tmp_path)) as site:
        site.register("ayesha")
        backups = site.services[MaintenanceServices].backups
        backups.begin(OPERATOR)
        wait_until(lambda: backups.state(OPERATOR).running is None, "it has ended", 120, 0.1)
        found = {each["id"]: each for each in site.client.get("/api/status").json["promises"]}
        assert [found[each]["ok"] for each in ("last_proven_backup", "gaps_and_repeats")] == [True, True]
        assert found["gaps_and_repeats"]["since"] == found["last_proven_backup"]["value"]
        site.time.pass_(hours=24)
        site.rows("UPDATE counters SET visits = 7")
        backups.begin(OPERATOR)
        wait_until(lambda: backups.state(OPERATOR).running is None, "it has ended", 120, 0.1)
        found = {each["id"]: each for each in site.client.get("/api/status").json["promises"]}
        assert [found[each]["ok"] for each in ("last_proven_backup", "gaps_and_repeats")] == [True, False]
