"""Communities across two workers: a person counts once, wherever their sockets are, and whichever worker dies."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psutil
import pytest
from support.clients.members import KINDS, CommunityListener, Member, PlainMember, members
from support.clients.worker_connections import WorkerConnection, all_ready, only, two_workers, worker_connections
from support.databases.database import SqliteDatabase
from support.databases.redis import Redis
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.changed_server import changed_server
from support.servers.server import START_S, Server

from koyjabo.presence.members import member_script_redis

MESSAGES_EACH = 25
GONE_S = 15  # (specification: promise 5)
FORBIDDEN = 4003
SOON_S = PATIENCE_S
"""Limit on a busy machine. The specification promises a second (Credentials)."""


@pytest.fixture(scope="module")
def server(module_servers, tmp_path_factory, redis) -> Server:
    database = SqliteDatabase.migrated(tmp_path_factory.mktemp("database") / "koyjabo.db")
    return two_workers(module_servers(database, REDIS_URL=redis.url, LEAVE_GRACE_SECONDS=1))


@pytest.fixture
def mortal(tmp_path, disposable_redis) -> Iterator[Server]:
    """Two workers whose leases end only when a test ends them."""
    settings = {"WEB_CONCURRENCY": 2, "REDIS_URL": disposable_redis.url, "LEAVE_GRACE_SECONDS": 1}
    with changed_server(tmp_path, {f"{member_script_redis.__name__}.MEMBER_LEASE_S": 3600}, **settings) as server:
        wait_until(lambda: all_ready(server, 2), "two workers serve", START_S)
        yield server


def open_on(
    worker: psutil.Process, member: Member, community: str, kind: type = PlainMember, **options
) -> CommunityListener:
    """Open a socket on a chosen worker, and wait until it is let in."""
    with only(member.server, worker):
        socket = kind(member.server.port, community, member.token, **options)
    wait_until(lambda: socket.received, "it is let in")
    return socket


def test_the_tabs_of_a_person_on_two_workers_count_once(server, founder, community):
    left, right = server.workers()
    first, second, third = members(server, community, 3)
    with ExitStack() as stack:
        watchers = [stack.enter_context(open_on(worker, first, community)) for worker in (left, right)]
        for watcher in watchers:
            watcher.wait_for_count(1)
        tabs = [open_on(worker, second, community, kind) for worker in (left, right) for kind in KINDS]
        for tab in tabs:
            assert tab.counts[0]["count"] == 2
        assert second.call("GET", f"/api/communities/{community}/visitors/realtime")["current_online"] == 2
        assert second.call("GET", f"/api/communities/{community}")["online"] == 2
        for tab in tabs[:3]:
            tab.close()
        online = f"/api/communities/{community}/visitors/online"
        wait_until(
            lambda: {member["tabs"] for member in founder.call("GET", online)} == {1, 2}, "three tabs are closed"
        )
        stack.enter_context(open_on(left, third, community))
        for watcher in watchers:
            watcher.wait_for_count(3)
        tabs[3].close()
        for watcher in watchers:
            watcher.wait_for_count(2)
            assert [count["count"] for count in watcher.counts if count["change"]] == [2, 3, 2]
            watcher.assert_adds_up()


def end_leases(redis: Redis, community: str, member: Member) -> None:
    """End all leases of the worker that has this member."""
    key = f"koyjabo:online:{{{community}}}:leases"
    with redis.client() as client:
        leases = client.zrange(key, 0, -1)
        (worker,) = [lease.removesuffix(member.id) for lease in leases if lease.endswith(member.id)]
        client.zadd(key, {lease: 1 for lease in leases if lease.startswith(worker)})


def test_the_members_on_a_killed_worker_go_offline_within_15_s_unless_they_reconnect(mortal, disposable_redis):
    """Their leases end after 10 s. Every worker notices when it refreshes, within a second."""
    assert member_script_redis.MEMBER_LEASE_S + 2 < GONE_S
    server, community = mortal, Member(mortal).found()
    left, right = server.workers()
    crowd = members(server, community, 4)
    with open_on(left, crowd[0], community) as watcher:
        victims = [open_on(right, one, community, KINDS[number % 2]) for number, one in enumerate(crowd[1:])]
        watcher.wait_for_count(4)
        before = len(watcher.counts)
        right.kill()
        with PlainMember(server.port, community, crowd[1].token) as again:
            assert again.next_of_type("visitor_count")["count"] == 4
            end_leases(disposable_redis, community, crowd[2])
            watcher.wait_for_count(2, SOON_S)
            gone = [-count["change"] for count in watcher.counts[before:]]
            assert (sum(gone), min(gone) > 0) == (2, True), "each of them once"
            assert again.ask("request_count", "visitor_count")["count"] == 2
        watcher.wait_for_count(1)
        watcher.assert_adds_up()
        for victim in victims:
            victim.close()


def test_messages_arrive_in_the_same_order_on_every_worker(server, founder, community):
    """Two senders' calls alternate between the workers, as they would behind a proxy."""
    workers, readers = server.workers(), members(server, community, 2)

    def say(sender: str, calls: list[WorkerConnection]) -> None:
        for n in range(MESSAGES_EACH):
            body, path = {"data": [sender, n]}, f"/api/communities/{community}/broadcast"
            assert calls[n % 2].ask("POST", path, body, founder.token) == (202, None)

    with ExitStack() as stack:
        sockets = [
            stack.enter_context(open_on(worker, one, community, kind))
            for worker, one in zip(workers, readers, strict=True)
            for kind in KINDS
        ]
        connections = [stack.enter_context(worker_connections(server)) for _ in "ab"]
        with ThreadPoolExecutor(2) as senders:
            list(senders.map(say, "ab", connections))
        for socket in sockets:
            socket.next_of_type("message", 2 * MESSAGES_EACH - 1)
            messages = [received.event["data"] for received in socket.of_type("message")]
            assert sorted(messages, key=lambda message: message[0]) == [
                [name, n] for name in "ab" for n in range(MESSAGES_EACH)
            ]


def test_an_external_id_names_its_current_community_on_every_worker_within_a_second(server, founder):
    server.database.rows(f"UPDATE users SET is_admin = true WHERE id = '{founder.id}'")
    with ExitStack() as stack:
        here, there = stack.enter_context(worker_connections(server))
        put, get = ("PUT", "/api/communities/by-ref/uttara", {"name": "Uttara"}), ("GET", "/api/communities/uttara")
        for call in (("DELETE", get[1]), ("DELETE", put[1])):
            made = here.ask(*put, token=founder.token)[1]
            assert there.ask(*get, token=founder.token) == (200, made), "at once: it was unknown there"
            assert here.ask(*call, token=founder.token)[0] == 204
            wait_until(lambda: there.ask(*get, token=founder.token)[0] == 404, "it is gone", SOON_S)
            again = here.ask(*put, token=founder.token)[1]
            wait_until(lambda again=again: there.ask(*get, token=founder.token) == (200, again), "it is back", SOON_S)


def test_a_disconnected_person_loses_the_sockets_on_every_worker(server, founder, community):
    left, right = server.workers()
    (person,) = members(server, community, 1)
    server.database.rows(f"UPDATE users SET external_ref = 'u1', external_issuer = '' WHERE id = '{person.id}'")
    with ExitStack() as stack:
        there, rooms = (stack.enter_context(open_on(right, person, community, kind)) for kind in KINDS)
        with only(server, left):
            connection = stack.enter_context(WorkerConnection(server))
            assert connection.status("/healthz") == 200
        path = f"/api/communities/{community}/disconnect"
        assert connection.ask("POST", path, {"userRef": "u1"}, founder.token)[0] == 202
        assert there.wait_for_code(SOON_S) == FORBIDDEN
        assert rooms.next_of_type("kicked")["code"] == FORBIDDEN


def test_a_revocation_on_one_worker_closes_the_sockets_on_the_other_worker(server, founder, community):
    crowd = members(server, community, 2)
    workers = server.workers()
    sockets = [open_on(worker, one, community, kind) for worker in workers for one in crowd for kind in KINDS]
    founder.call("DELETE", f"/api/communities/{community}")
    for socket in sockets:
        if isinstance(socket, PlainMember):
            assert socket.wait_for_code(SOON_S) == FORBIDDEN
        else:
            assert socket.next_of_type("kicked")["code"] == FORBIDDEN
        socket.close()
