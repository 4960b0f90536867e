"""The tracker in a process beside the servers: whom it adds is online everywhere, for as long as that process lives."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from support.databases import SqliteDatabase
from support.members import Member, PlainMember
from support.processes import ROOT, environment, wait_until
from support.server import Server

pytestmark = pytest.mark.waits

LEASE_S = 10
GONE_S = 15

PROGRAM = """
import json, sys, koyjabo
app = koyjabo.create_app()
from koyjabo.presence import visitor_tracker as tracker
for line in sys.stdin:
    name, *arguments = json.loads(line)
    print(json.dumps(getattr(tracker, name)(*arguments)), flush=True)
"""


class Beside:
    """A process that has made the application and serves nobody."""

    def __init__(self, server: Server) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT,
            env=environment(**server.settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, *call: object):
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@pytest.fixture(scope="module")
def server(module_servers, tmp_path_factory, redis) -> Server:
    database = SqliteDatabase.migrated(tmp_path_factory.mktemp("database") / "koyjabo.db")
    return module_servers(database, REDIS_URL=redis.url).start()


def test_whom_the_tracker_adds_and_removes_is_announced_and_counted(server, founder, community):
    other = Member(server).join(community)
    with Beside(server) as beside, PlainMember(server.port, community, founder.token) as watcher:
        watcher.wait_for_count(1)
        wait_until(lambda: beside.ask("get_visitor_count", community) == 1, "it has found Redis")
        assert beside.ask("add_visitor", other.id, community) == 2
        assert watcher.wait_for_count(2)["type"] == "visitor_joined"
        assert beside.ask("get_visitor_count", community) == 2
        assert {each["user_id"] for each in beside.ask("get_visitor_list", community)} == {founder.id, other.id}
        assert beside.ask("get_peak_counts", community) == {"day": 2, "week": 2, "month": 2}
        assert beside.ask("remove_visitor", other.id, community) == 1
        assert watcher.wait_for_count(1)["type"] == "visitor_left"
        assert beside.ask("get_peak_counts", community)["day"] == 2
        assert beside.ask("get_today_visitors", community)["authenticated_visitors"] == 1
        watcher.assert_adds_up()


def test_place_that_is_held_lasts_as_long_as_the_process_and_no_longer(server, founder, community):
    other = Member(server).join(community)
    with PlainMember(server.port, community, founder.token) as watcher:
        watcher.wait_for_count(1)
        with Beside(server) as beside:
            beside.ask("add_visitor", other.id, community)
            watcher.wait_for_count(2)
            time.sleep(LEASE_S + 2)
            assert [told["count"] for told in watcher.counts] == [1, 2]
        assert watcher.wait_for_count(1, GONE_S)["type"] == "visitor_left"
