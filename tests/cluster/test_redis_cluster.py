"""Commands and scripts find the server of a cluster that has a key, also while slots move and servers hang."""

from __future__ import annotations

from contextlib import suppress
from threading import Event
from urllib.parse import urlsplit

import pytest
import redis as redis_py
from redis.crc import key_slot
from redis.exceptions import ClusterDownError, MovedError, TryAgainError
from support.application.visitor_workers import RedisLink
from support.databases.redis_groups import RedisClusterOfSix, RedisWithSentinels
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until

from koyjabo.cluster import workers_redis
from koyjabo.cluster.outbox import Outboxes, RedisOutbox
from koyjabo.cluster.redis_client import Command, Script, SlotUnavailable, tag
from koyjabo.cluster.redis_cluster import ClusterClient, SlotMap
from koyjabo.cluster.redis_listener import Listener
from koyjabo.communities.live import dashboard_leader_redis
from koyjabo.core.runtime import ThreadRuntime
from koyjabo.models import SITE as SITE_SCOPE
from koyjabo.presence.members.redis_script import keys_of as member_keys
from koyjabo.presence.visitors.redis_script import keys_of as visitor_keys

SITE, SOON_S = tag("site"), PATIENCE_S
"""A call of a server that hangs takes a second or more."""

SWAP = "local old = redis.call('GET', KEYS[1]); redis.call('SET', KEYS[2], ARGV[1]); return old"


def swap(link: RedisLink, scope: str, value: str) -> bytes | None:
    key = f"koyjabo:{tag(scope)}:value"
    return Script(link.client, SWAP)([key, key], [value])


def test_slots_of_nobody_have_no_owner():
    slots = SlotMap((0, 10, 10, 20), ("", "a", "", "b"))
    assert [slots.owner(slot) for slot in (0, 9, 10, 19, 20, 16383)] == ["", "", "", "", "b", "b"]


def test_keys_that_are_used_together_share_a_slot():
    together = [visitor_keys(SITE_SCOPE), member_keys(SITE_SCOPE), workers_redis.KEYS, dashboard_leader_redis.KEYS]
    assert [len({key_slot(key.encode()) for key in keys}) for keys in together] == [1] * 4
    of_a_scope = {*visitor_keys(SITE_SCOPE), *member_keys(SITE_SCOPE)}
    assert {key_slot(key.encode()) for key in of_a_scope} == {key_slot(SITE.encode())}


def test_commands_follow_a_slot_that_moves(redis_cluster):
    """And the new server is taught the script."""
    link = RedisLink(redis_cluster.url)
    scopes = ["site", *map(str, range(12))]
    assert {swap(link, scope, "1") for scope in scopes} == {None}
    assert {link.client.shard_of(tag(scope)) for scope in scopes} == link.client.shards
    before = redis_cluster.owner(SITE)
    redis_cluster.move_slot(SITE)
    assert swap(link, "site", "2") == b"1"
    assert link.client.shard_of(SITE) == f"127.0.0.1:{redis_cluster.owner(SITE).port}" != f"127.0.0.1:{before.port}"
    commands = [Command(key, ("GET", key)) for key in (f"koyjabo:{tag(scope)}:value" for scope in scopes)]
    assert link.client.run_all(commands) == [b"2", *[b"1"] * 12]
    link.client.close()


class StubServer:
    """A server of a cluster: what it says of the slots, and how it answers a command."""

    def __init__(self, slots: list, answer: object) -> None:
        self.slots, self.answer = slots, answer

    def execute_command(self, *words):
        if words[0] == "CLUSTER SLOTS":
            return self.slots
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def ping(self) -> bool:
        return True


def cluster_of(**servers: StubServer) -> ClusterClient:
    return ClusterClient([f"redis://{name}:1" for name in servers], lambda url: servers[urlsplit(url).hostname])


def slots_of(first: str, second: str) -> list:
    """`first` has the slot of "a", `second` all others."""
    at = key_slot(b"a")
    return [[0, at - 1, [second, 1]], [at, at, [first, 1]], [at + 1, 16383, [second, 1]]]


def test_server_that_lost_its_slots_is_not_believed_and_the_one_that_moved_names_is():
    old, new = slots_of("gone", "gone"), slots_of("here", "gone")
    moved = MovedError(f"{key_slot(b'a')} here:1")
    client = cluster_of(apart=StubServer([], None), gone=StubServer(old, moved), here=StubServer(new, b"1"))
    client.learn()
    assert client.shards
    client._map = client._read(old, "gone:1")
    assert client.run(Command("a", ("GET", "a"))) == b"1"


@pytest.mark.parametrize("error", [TryAgainError(), ClusterDownError("Hash slot not served")])
def test_slot_that_is_unavailable_delays_no_other_key_of_its_server(error):
    class Stuck(StubServer):
        def execute_command(self, *words):
            if words[-1] == "a":
                raise error
            return super().execute_command(*words)

    client = cluster_of(one=Stuck(slots_of("one", "one"), b"1"))
    returns: list[None] = []
    outbox = RedisOutbox(ThreadRuntime(), client.ping, lambda: returns.append(None))
    sent: list[object] = []
    outbox.send_in_order(lambda: client.run(Command("a", ("GET", "a"))))
    outbox.send_in_order(lambda: sent.append(client.run(Command("b", ("GET", "b")))))
    wait_until(lambda: outbox.is_idle, "it is sent")
    assert (sent, outbox.reachable, returns) == ([b"1"], True, [])


def test_slot_of_nobody_is_unavailable():
    client = cluster_of(one=StubServer([[key_slot(b"b"), key_slot(b"b"), ["one", 1]]], b"1"))
    with pytest.raises(SlotUnavailable):
        client.run(Command("a", ("GET", "a")))
    assert client.run(Command("b", ("GET", "b"))) == b"1"


def test_outbox_of_a_server_that_is_a_master_no_more_has_returned():
    """Its keys are elsewhere now, so that what was sent in the outage is sent again."""
    client = cluster_of(gone=StubServer(slots_of("gone", "gone"), b"1"), here=StubServer([], b"1"))
    client.learn()
    returns: list[None] = []
    outboxes = Outboxes(ThreadRuntime(), client, lambda: returns.append(None))
    outboxes.of("a").reachable = False
    client._map = client._read(slots_of("here", "here"), "here:1")
    outboxes.look()
    assert (outboxes.reachable, returns) == (True, [None])


class StubConnection:
    """A connection for subscriptions: each step answers, or raises; after the last one its listener retires."""

    def __init__(self, *steps: object) -> None:
        self.steps, self.connected, self.written = list(steps), 0, []

    def connect(self) -> None:
        self.connected += 1

    def disconnect(self) -> None:
        pass

    def pack_commands(self, commands):
        return commands

    def send_packed_command(self, commands) -> None:
        self.written += commands

    def read_response(self, **_):
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step() if callable(step) else step


def test_listener_gives_up_a_room_that_has_moved_and_no_other():
    client = cluster_of(one=StubServer(slots_of("two", "one"), b"1"), two=StubServer([], b"1"))
    client._map = client._read(slots_of("one", "one"), "one:1")
    heard: list[tuple] = []
    channels = {"a": "SSUBSCRIBE", "b": "SSUBSCRIBE"}
    listener = Listener(
        "one:1",
        client,
        lambda shard: {each: word for each, word in channels.items() if client.shard_of(each) == shard},
        lambda *message: heard.append(message),
    )
    moved = MovedError(f"{key_slot(b'a')} two:1")
    connection = StubConnection(moved, [b"smessage", b"b", b"1"], listener.retire)
    client.new_connection = lambda shard: connection
    listener.run()
    assert (connection.connected, heard) == (1, [("b", b"1")])
    assert connection.written == [("SSUBSCRIBE", "a"), ("SSUBSCRIBE", "b")]


LONG = pytest.mark.long(proved_by="cluster/test_redis_cluster.py::test_commands_follow_a_slot_that_moves")


@LONG
def test_keys_that_have_moved_before_their_slot_are_found(redis_cluster):
    link = RedisLink(redis_cluster.url)
    swap(link, "moving", "1")
    with redis_cluster.moving(tag("moving")):
        assert swap(link, "moving", "2") == b"1"
        key = f"koyjabo:{tag('moving')}:value"
        assert link.client.run_all([Command(key, ("GET", key))] * 2) == [b"2", b"2"]
    link.client.close()


@LONG
def test_server_that_hangs_delays_nothing_that_others_have():
    with RedisClusterOfSix() as cluster:
        link = RedisLink(cluster.url)
        link.outboxes.look()
        frozen = cluster.owner(SITE)
        elsewhere = next(name for name in map(str, range(99)) if cluster.owner(tag(name)) is not frozen)
        frozen.freeze()
        link.outboxes.of(SITE).send_newest("hangs", lambda: swap(link, "site", "1"))
        wait_until(lambda: not link.outboxes.of(SITE).reachable, "it is noticed", SOON_S)
        hangs, goes_on = Event(), Event()
        link.outboxes.of(SITE).send_newest("hangs", lambda: (hangs.set(), goes_on.wait(SOON_S)))
        assert hangs.wait(SOON_S)
        for number in range(20):
            sent: list[int] = []
            link.outboxes.of(tag(elsewhere)).send_newest(number, lambda sent=sent: sent.append(1))
            wait_until(lambda sent=sent: sent, "it is sent", SOON_S / 2, 0.005)
        goes_on.set()
        assert not link.outboxes.reachable
        cluster.wait_for_another(frozen, SITE)

        def is_reachable() -> bool:
            link.outboxes.look()
            return link.outboxes.reachable

        wait_until(is_reachable, "all shards answer", SOON_S, 0.2)
        frozen.thaw()
        link.client.close()


@LONG
@pytest.mark.parametrize("kind", [RedisWithSentinels, RedisClusterOfSix])
def test_passwords_and_tls(kind):
    with kind(is_secure=True) as group:
        link = RedisLink(group.url)
        assert swap(link, "site", "1") is None
        group.owner(SITE).kill()

        def is_swapped() -> bool:
            with suppress(redis_py.RedisError, OSError):
                return swap(link, "site", "2") is not None
            return False

        wait_until(is_swapped, "another server answers", SOON_S, 0.1)
        link.client.close()
