"""Communities whose members see who is online, by name. People who appear offline are counted and never named.

Table of this module (every list, for each state of the community, reader and person):

| list | off: member | off: moderator | on: member | on: moderator | who appears offline |
| --- | --- | --- | --- | --- | --- |
| `members_online` (plain, Socket.IO, stream) | no event | no event | names | names | in `unnamed` |
| `members_online` for a watcher | no event | | no event | | |
| `…/visitors/online` and its total | 403 | list | list | list | missing; marked for themselves |
| dashboard's `people` | no access | list | no access | list | missing |
| the room's list | none | list | list | list | missing; marked for themselves |
| its search, *Last here* | none | shown | none | shown | missing |
| `get_visitor_list` | | | | | missing |
| all numbers, `is_user_visiting`, `get_user_visiting_communities` | | | | | counted |
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
from support.clients.event_source import StreamListener, of_community
from support.clients.members import KINDS, Member, PlainMember, members
from support.clients.worker_connections import two_workers
from support.databases.database import SqliteDatabase
from support.people.communities import PATH
from support.programs.processes import wait_until
from support.servers.server import Server

KIND = "members_online"
MAX_BYTES = 6 * 1024


@pytest.fixture(scope="module")
def server(module_servers, tmp_path_factory, redis) -> Server:
    """Two workers, so that the people of a room are on both."""
    database = SqliteDatabase.migrated(tmp_path_factory.mktemp("database") / "koyjabo.db")
    return two_workers(module_servers(database, REDIS_URL=redis.url, LEAVE_GRACE_SECONDS=1))


@pytest.fixture
def shown(founder) -> str:
    return founder.found(members_see_online=True)


def clients_of(server: Server, community: str, token: str | None) -> list[Any]:
    """A client of each transport."""
    return [
        *(kind(server.port, community, token) for kind in KINDS),
        StreamListener(server.port, of_community(community), token),
    ]


def newest(client: Any) -> dict[str, Any] | None:
    events = [received.event for received in client.of_type(KIND)]
    return events[-1] if events else None


def wait_for_names(client: Any, names: set[str], unnamed: int = 0) -> dict[str, Any]:
    def is_there() -> bool:
        event = newest(client)
        return event is not None and ({one["name"] for one in event["people"]}, event["unnamed"]) == (names, unnamed)

    wait_until(is_there, f"{names} are named, and {unnamed} are not")
    event = newest(client)
    assert event is not None
    return event


def types(client: Any) -> list[str]:
    return [received.event["type"] for received in list(client.received)]


def test_members_on_all_transports_see_names_come_and_go_where_it_is_on(server, shown):
    ayesha, babul = members(server, shown, 2)
    with ExitStack() as stack:
        clients = [stack.enter_context(client) for client in clients_of(server, shown, ayesha.token)]
        for client in clients:
            wait_for_names(client, {ayesha.name})
            kinds = [kind for kind in types(client) if kind != "visitor_update"]
            assert kinds[:2] == ["visitor_count", KIND]
        with PlainMember(server.port, shown, babul.token):
            for client in clients:
                event = wait_for_names(client, {ayesha.name, babul.name})
                assert [one["user_id"] for one in event["people"]] == [babul.id, ayesha.id], "newest first"
                assert set(event["people"][0]) == {"user_id", "name", "since"}
                assert {*event} - {"people"} == {"type", "community_id", "unnamed", "revision", "timestamp"}
        for client in clients:
            wait_for_names(client, {ayesha.name})
            revisions = [received.event["revision"] for received in client.of_type(KIND)]
            assert revisions == sorted(set(revisions))


def test_watchers_and_members_where_it_is_off_get_no_names(server, founder):
    community = founder.found(public_count=True, members_see_online=True)
    member, stranger = Member(server).join(community), Member(server)
    off = founder.found()
    with ExitStack() as stack:
        watchers = [stack.enter_context(client) for client in clients_of(server, community, stranger.token)]
        insiders = [stack.enter_context(client) for client in clients_of(server, off, founder.token)]
        with PlainMember(server.port, community, member.token) as inside:
            wait_for_names(inside, {member.name})
            for client in watchers:
                client.wait_for_count(1)
        for client in (*watchers, *insiders):
            assert client.ask("ping", "pong") if isinstance(client, PlainMember) else client.received
            assert KIND not in types(client)
    member.join(off)
    assert member.call("GET", f"{PATH}/{off}/visitors/online", status=403)
    assert member.call("GET", f"{PATH}/{community}/visitors/online") == []
    assert stranger.call("GET", f"{PATH}/{community}/visitors/online", status=403)


def test_open_sockets_on_both_workers_follow_the_switch_within_a_second(server, founder, community):
    ayesha, babul = members(server, community, 2)
    with ExitStack() as stack:
        clients = [
            stack.enter_context(client)
            for one in (ayesha, babul)
            for client in clients_of(server, community, one.token)
        ]
        clients[0].wait_for_count(2)
        founder.call("PATCH", f"{PATH}/{community}", {"members_see_online": True})
        for client in clients:
            wait_for_names(client, {ayesha.name, babul.name})
        founder.call("PATCH", f"{PATH}/{community}", {"members_see_online": False})
        for client in clients:
            wait_for_names(client, set(), unnamed=2)
        with PlainMember(server.port, community, founder.token):
            for client in clients:
                client.wait_for_count(3)
        assert all(newest(client)["unnamed"] == 2 for client in clients), "no event while it is off"


def test_members_who_come_while_names_are_briefly_hidden_see_them_afterwards(server, founder, shown):
    ayesha, babul = members(server, shown, 2)
    with ExitStack() as stack:
        first = [stack.enter_context(client) for client in clients_of(server, shown, ayesha.token)]
        for client in first:
            wait_for_names(client, {ayesha.name})
        founder.call("PATCH", f"{PATH}/{shown}", {"members_see_online": False})
        for client in first:
            wait_for_names(client, set(), unnamed=1)
        later = [stack.enter_context(client) for client in clients_of(server, shown, babul.token)]
        founder.call("PATCH", f"{PATH}/{shown}", {"members_see_online": True})
        for client in later:
            wait_for_names(client, {ayesha.name, babul.name})


def test_a_person_who_appears_offline_is_counted_and_not_named_to_others(server, founder, shown):
    ayesha, babul = members(server, shown, 2)
    online = f"{PATH}/{shown}/visitors/online"
    with ExitStack() as stack:
        clients = [stack.enter_context(client) for client in clients_of(server, shown, ayesha.token)]
        dashboard = stack.enter_context(PlainMember(server.port, shown, founder.token, "visitor-dashboard/"))
        hidden = [stack.enter_context(client) for client in clients_of(server, shown, babul.token)]
        for client in (*clients, *hidden):
            wait_for_names(client, {ayesha.name, babul.name})
        assert babul.call("PATCH", "/api/auth/me", {"appear_offline": True})["appear_offline"] is True
        for client in (*clients, *hidden):
            assert wait_for_names(client, {ayesha.name}, unnamed=1)
            assert client.count == 2
        for reader in (founder, ayesha):
            assert [one["user_id"] for one in reader.call("GET", online)] == [ayesha.id]
            assert reader.call("GET", f"{online}?query={babul.name}") == []
        (mine,) = babul.call("GET", f"{online}?query={babul.name}")
        assert (mine["user_id"], mine["appears_offline"]) == (babul.id, True)
        assert "appears_offline" not in babul.call("GET", f"{online}?query={ayesha.name}")[0]
        assert founder.call("GET", f"{PATH}/{shown}/visitors/realtime")["current_online"] == 2
        wait_until(
            lambda: (
                [one["user_id"] for one in dashboard.of_type("dashboard_update")[-1].event["data"]["people"]]
                == [ayesha.id]
            ),
            "the dashboard does not name them",
        )
        assert dashboard.of_type("dashboard_update")[-1].event["data"]["realtime_count"] == 2
        babul.call("PATCH", "/api/auth/me", {"appear_offline": False})
        for client in clients:
            wait_for_names(client, {ayesha.name, babul.name})
