"""The online count of a community: a person counts once, and all clients receive every change (promise 4)."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from support.clients.members import KINDS, CommunityListener, Member, PlainMember, SocketioMember, members
from support.faults.shared_numbers import SharedNumber
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.changed_server import changed_server
from support.servers.server import Server

GRACE_S = 300
"""Longer than tests wait. It ends only when a test moves the clock."""


@pytest.fixture(scope="module")
def elapsed(tmp_path_factory) -> SharedNumber:
    """How far ahead the server's clock is, in ms."""
    assert GRACE_S > PATIENCE_S
    return SharedNumber(tmp_path_factory.mktemp("clock") / "elapsed")


@pytest.fixture(scope="module")
def server(elapsed, tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with changed_server(folder, LEAVE_GRACE_SECONDS=GRACE_S, ELAPSED=elapsed.path) as server:
        yield server


def counts_of(listener: CommunityListener) -> list[int]:
    return [count["count"] for count in listener.counts]


def half_a_grace_passes(elapsed: SharedNumber) -> None:
    elapsed.set(elapsed.get() + GRACE_S * 500)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_count_includes_the_new_member_who_gets_no_event_about_joining(server, founder, community, kind):
    first, second, third = members(server, community, 3)
    other = founder.found()
    second.join(other)
    with PlainMember(server.port, community, first.token) as watcher:
        watcher.wait_for_count(1)
        with PlainMember(server.port, other, second.token) as elsewhere:
            elsewhere.wait_for_count(1)
            with kind(server.port, community, second.token) as joiner:
                joiner.wait_for_count(2)
                with PlainMember(server.port, community, third.token):
                    joiner.wait_for_count(3)
                    watcher.wait_for_count(3)
            assert (counts_of(joiner)[:2], counts_of(elsewhere)) == ([2, 3], [1])
    assert [count["type"] for count in joiner.counts[:2]] == ["visitor_count", "visitor_joined"]
    assert [count["type"] for count in watcher.counts[:3]] == ["visitor_count", "visitor_joined", "visitor_joined"]
    assert counts_of(watcher)[:3] == [1, 2, 3]


@pytest.mark.parametrize("kind", KINDS)
def test_a_clean_close_counts_as_leaving_at_once(server, community, kind):
    first, second = members(server, community, 2)
    with PlainMember(server.port, community, first.token) as watcher, kind(server.port, community, second.token) as one:
        watcher.wait_for_count(2)
        one.close()
        assert watcher.wait_for_count(1)["type"] == "visitor_left"


def test_a_leave_on_socketio_takes_effect_at_once_and_keeps_the_connection(server, community):
    first, second = members(server, community, 2)
    with (
        PlainMember(server.port, community, first.token) as watcher,
        SocketioMember(server.port, community, second.token) as one,
    ):
        watcher.wait_for_count(2)
        again = one.ask("join", {**one.where, "token": second.token})
        assert (again["ok"], again["count"]) == (True, 2), "joining twice is no harm"
        for _ in range(2):
            assert one.ask("leave", one.where) == {"ok": True}
            assert watcher.wait_for_count(1)["type"] == "visitor_left"
            assert one.ask("ping")["ok"] is True


def break_off(client: PlainMember | SocketioMember) -> None:
    """Disconnect without a goodbye, as a broken connection does."""
    if isinstance(client, PlainMember):
        client.socket.close_socket()
    else:
        client.client.eio.ws.abort()


def test_a_person_with_a_lost_connection_leaves_only_after_the_grace_period(server, elapsed, founder, community):
    everyone = first, *others = members(server, community, 5)

    def tabs_of(people: list[Member]) -> list[int | None]:
        """The number of tabs of each person; None if they are not online."""
        online = founder.call("GET", f"/api/communities/{community}/visitors/online")
        tabs = {member["user_id"]: member["tabs"] for member in online}
        return [tabs.get(person.id) for person in people]

    with PlainMember(server.port, community, first.token) as watcher, ExitStack() as stack:
        plain, socketio, lost, unloaded = (
            kind(server.port, community, member.token)
            for kind, member in zip((*KINDS, *KINDS[:1] * 2), others, strict=True)
        )
        watcher.wait_for_count(5)
        for one in (plain, socketio, lost):
            break_off(one)
        for kind, other in zip(KINDS, others, strict=False):
            again = stack.enter_context(kind(server.port, community, other.token))
            assert again.next_of_type("visitor_count")["count"] == 5
        wait_until(lambda: tabs_of(everyone) == [1, 1, 1, 0, 1], "the server knows who is lost")
        half_a_grace_passes(elapsed)
        unloaded.close(1001)
        wait_until(lambda: tabs_of(everyone) == [1, 1, 1, 0, 0], "the server knows that a page is unloaded")
        for count, tabs in ((4, [1, 1, 1, None, 0]), (3, [1, 1, 1, None, None])):
            half_a_grace_passes(elapsed)
            watcher.wait_for_count(count)
            assert tabs_of(everyone) == tabs
        watcher.assert_adds_up()
        assert sum(count["type"] == "visitor_joined" for count in watcher.counts) <= 4, "no one came twice"


def test_the_changes_sent_to_a_socket_add_up_to_the_count(server, community):
    crowd = members(server, community, 8)
    randomly = random.Random(7)
    with ExitStack() as stack:
        stayers = [stack.enter_context(kind(server.port, community, crowd[0].token)) for kind in KINDS]
        plans = [[randomly.choice(KINDS) for _ in range(3)] for _ in crowd[1:]]

        def wander(member: Member, plan: list[type]) -> None:
            for kind in plan:
                with kind(server.port, community, member.token) as socket:
                    assert socket.next_of_type("visitor_count")["count"] >= 2
                    socket.assert_adds_up()

        with ThreadPoolExecutor(len(plans)) as pool:
            list(pool.map(wander, crowd[1:], plans))
        for stayer in stayers:
            stayer.wait_for_count(1)
            stayer.assert_adds_up()
