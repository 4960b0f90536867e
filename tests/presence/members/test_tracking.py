"""The tracker in a process beside the servers: who it adds is online everywhere, for as long as that process lives."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support.databases import SqliteDatabase
from support.members import Member, PlainMember
from support.processes import ROOT, environment, wait_until
from support.server import Server

PROGRAM = """
import json, sys, koyjabo
app = koyjabo.create_app()
from koyjabo.presence import visitor_tracker as tracker
from koyjabo.realtime import visitor_broadcaster as broadcaster
for line in sys.stdin:
    name, *arguments = json.loads(line)
    print(json.dumps(getattr(broadcaster if "broadcast" in name else tracker, name)(*arguments)), flush=True)
"""


@contextmanager
def beside(server: Server) -> Iterator[Callable[..., Any]]:
    """A process that has made the application and serves nobody. Yields how its tracker is called."""
    command, pipe = [sys.executable, "-c", PROGRAM], subprocess.PIPE
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(**server.settings), stdin=pipe, stdout=pipe, text=True
    )

    def ask(*call: object) -> Any:
        process.stdin.write(json.dumps(call) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield ask
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def server(module_servers, tmp_path_factory, redis) -> Server:
    database = SqliteDatabase.migrated(tmp_path_factory.mktemp("database") / "koyjabo.db")
    return module_servers(database, REDIS_URL=redis.url).start()


def test_application_in_another_process_tells_who_it_adds_and_removes(server, founder, community):
    other = Member(server).join(community)
    with beside(server) as ask, PlainMember(server.port, community, founder.token) as watcher:
        watcher.wait_for_count(1)
        wait_until(lambda: ask("get_visitor_count", community) == 1, "it has found Redis")
        assert ask("add_visitor", other.id, community) == 2
        assert watcher.wait_for_count(2)["type"] == "visitor_joined"
        assert ask("get_visitor_count", community) == 2
        assert {each["user_id"] for each in ask("get_visitor_list", community)} == {founder.id, other.id}
        assert ask("get_peak_counts", community) == {"day": 2, "week": 2, "month": 2}
        assert ask("remove_visitor", other.id, community) == 1
        assert watcher.wait_for_count(1)["type"] == "visitor_left"
        assert ask("get_peak_counts", community)["day"] == 2
        assert ask("get_today_visitors", community)["authenticated_visitors"] == 1
        watcher.assert_adds_up()
        ask("broadcast_visitor_count", community, 42, 1)
        assert watcher.wait_for_count(42)["type"] == "visitor_count"
