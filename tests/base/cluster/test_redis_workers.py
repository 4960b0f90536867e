"""Workers that share a Redis: their messages, the list of workers, and a Redis that is replaced or refuses them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Thread
from typing import Any

import pytest
import redis
from redis._parsers.base import BaseParser
from support.application.visitor_workers import RedisLink
from support.databases.redis import OneSentinel, Redis
from support.databases.redis_groups import RedisNode
from support.programs.patience import PATIENCE_S
from support.programs.ports import free_port
from support.programs.processes import wait_until

from koyjabo.base.cluster import redis_bus, workers_redis
from koyjabo.base.cluster.outbox import RedisOutbox
from koyjabo.base.cluster.redis_bus import RedisBus
from koyjabo.base.cluster.redis_client import RedisClient, Script, cause_of_error, connect
from koyjabo.base.cluster.redis_listener import Listener
from koyjabo.base.cluster.workers import Worker
from koyjabo.base.cluster.workers_redis import WORKER_KEYS, RedisWorkers
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.core.signals import Signals
from koyjabo.base.settings.redis_url import NO_CLUSTER


class RedisAway:
    """A client whose commands fail until `is_back`."""

    def __init__(self):
        self.is_back, self.published = False, []

    def probe(self):
        pass

    def note(self, task, error=None):
        return 0

    def run(self, command, channel, text):
        if not self.is_back:
            raise redis.ConnectionError("away")
        self.published.append(json.loads(text)["message"])


def test_changes_that_could_not_be_sent_to_redis_are_queued_again():
    client, changes = RedisAway(), {"mirpur": [1, 1]}
    outbox = RedisOutbox(ThreadRuntime(), client, lambda: None)
    bus = RedisBus(client, outbox, ThreadRuntime(), Signals(), 0.01)

    def take():
        taken = dict(changes)
        changes.clear()
        return taken

    for client.is_back in (False, True, True):
        bus.send_changes("arrivals", take, changes.update)
        outbox.drain()
    assert (client.published, changes) == ([{"mirpur": [1, 1]}], {})


SUBJECT = "said"
TOGETHER = 30


@contextmanager
def worker(redis: Redis) -> Iterator[tuple[RedisBus, list[Any]]]:
    runtime, signals, client = ThreadRuntime(), Signals(), connect(redis.url)
    received: list[Any] = []
    signals.message_received.connect(lambda subject, message: received.append(message), SUBJECT, weak=False)
    bus = RedisBus(client, RedisOutbox(runtime, client, lambda: None), runtime, signals, 0.01)
    bus.start(on_queue=lambda data: None)
    wait_until(lambda: bus.broadcast("hello", 1), "it hears itself")
    yield bus, received
    client.close()


@pytest.mark.usefixtures("patient_with_redis")
def test_every_worker_receives_messages_in_the_order_of_the_calls(disposable_redis, monkeypatch):
    with worker(disposable_redis) as (one, first), worker(disposable_redis) as (other, second):
        monkeypatch.setattr(redis_bus, "ECHO_S", PATIENCE_S)
        messages = list(range(TOGETHER))
        for n in messages:
            assert (one, other)[n % 2].broadcast(SUBJECT, n)
            assert (first, second)[n % 2][-1] == n, "the sender has received it when the call returns"
        wait_until(lambda: len(first) == len(second) == TOGETHER, "all are received", every_s=0.002)
        assert first == second == messages


def test_a_message_that_redis_did_not_return_in_time_is_never_delivered_later(disposable_redis):
    """Its sender delivers it in another way, so sending it later would duplicate it."""
    with worker(disposable_redis) as (bus, received):
        disposable_redis.freeze()
        assert bus.broadcast(SUBJECT, "lost") is False, "it gives up"
        disposable_redis.thaw()
        wait_until(lambda: bus.broadcast(SUBJECT, "found"), "Redis is back")
        assert received == ["found"]


def test_redis_receives_the_text_of_an_unknown_script(redis_server):
    client = connect(redis_server.url)
    add = Script(client, "return redis.call('INCRBY', KEYS[1], ARGV[1])")
    assert [add(["a"], [1]), add(["a"], [1])] == [1, 2]
    client.run("SCRIPT", "FLUSH")
    assert [add.call_all([(["a"], [1]), (["b"], [5])]), add.call_all([(["b"], [5])])] == [[3, 5], [10]]
    client.close()


class ReportingWorker(RedisLink):
    def __init__(self, server: Redis) -> None:
        super().__init__(server.url)
        self.workers = RedisWorkers(self.client, self.outbox)

    def report(self, state: Worker) -> None:
        self.workers.report(state)
        self.flush()


@pytest.fixture
def reporting(redis_server) -> ReportingWorker:
    return ReportingWorker(redis_server)


def test_the_workers_know_of_each_other_until_a_lease_ends(reporting, redis_server, monkeypatch):
    monkeypatch.setattr(workers_redis, "LEASE_S", 3600.0)  # it ends only by this test
    other = ReportingWorker(redis_server)
    reporting.report(Worker("a"))
    other.report(Worker("b", lag_ms=6))
    assert other.workers.live() == [Worker("b", lag_ms=6), Worker("a")]
    reporting.report(Worker("a"))
    assert reporting.workers.live() == [Worker("a"), Worker("b", lag_ms=6)]
    with redis_server.client() as client:
        client.zincrby(WORKER_KEYS[1], -3_600_000, "a")
        other.report(Worker("b"))
        assert other.workers.live() == [Worker("b")]
        assert client.hkeys(WORKER_KEYS[0]) == ["b"]


def test_the_report_of_another_version_may_have_more_or_fewer_fields(reporting, redis_server):
    state = Worker("b")._asdict()
    older = {name: value for name, value in state.items() if name not in ("recount", "lag_ms", "unsaved_ms", "jobs")}
    with redis_server.client() as client:
        client.hset(WORKER_KEYS[0], "b", json.dumps({**state, "more": 1}))
        client.hset(WORKER_KEYS[0], "c", json.dumps({**older, "id": "c"}))
    reporting.report(Worker("a"))
    assert {worker.id for worker in reporting.workers.live()} == {"a", "b", "c"}


CHANNEL = "koyjabo:workers"


def hears(server: Redis) -> bool:
    with server.client() as client:
        return bool(client.pubsub_numsub(CHANNEL)[0][1])


def write(client: RedisClient, value: str) -> None:
    client.run("SET", "key", value)


def value_at(server: Redis) -> str | None:
    with server.client() as client:
        return client.get("key")


def test_a_worker_leaves_a_replaced_redis_master_although_the_master_continues_to_serve(tmp_path):
    with Redis() as old, Redis() as new, OneSentinel(tmp_path, old.port) as sentinel:
        client = connect(sentinel.url)
        listener = Listener(client, ThreadRuntime(), (CHANNEL,), lambda *_: None)
        for task in (client.watch, listener.run):
            Thread(target=task, daemon=True).start()
        write(client, "before")
        origin = client.origin()
        wait_until(lambda: hears(old), "the listener is there")
        sentinel.name(new)
        wait_until(lambda: hears(new), "the listener is at the other one")
        write(client, "after")
        assert (value_at(old), value_at(new), hears(old)) == ("before", "after", False)
        assert client.origin() != origin, "leases are written again"
        client.close()


def test_a_start_with_a_node_of_a_redis_cluster_fails(new_server, sqlite_database, tmp_path):
    node = RedisNode(tmp_path)
    node.options += ["--cluster-enabled", "yes", "--cluster-port", str(free_port()), "--dir", str(tmp_path)]
    with node:
        url = f"redis://127.0.0.1:{node.port}/0"
        server = new_server(sqlite_database, REDIS_URL=url).launch()
        assert server.wait().status == 2
        assert NO_CLUSTER in server.log
        client = connect(url)
        with pytest.raises(redis.ResponseError) as refused:
            client.probe()
        assert client.note("send", refused.value)
        assert client.refusal == NO_CLUSTER
        client.close()


def test_the_cause_of_a_redis_error_includes_its_first_word():
    replies = ("LOADING Redis is loading", "ERR max number of clients reached", "OOM no memory", "NOPERM no rights")
    assert [cause_of_error(BaseParser.parse_error(reply)) for reply in replies] == [*replies]
    assert cause_of_error(BaseParser.parse_error("MOVED 9421 127.0.0.1:8721")) == NO_CLUSTER
    assert cause_of_error(redis.ConnectionError("away")) == "away"


USER = "ACL SETUSER app reset on >secret +@all ~* {}"


def test_the_readiness_names_a_refusal_by_redis_until_it_ends(new_server, sqlite_database, disposable_redis):
    """The log has one line, although the worker tries again. Visits are counted."""
    url = disposable_redis.url.replace("redis://", "redis://app:secret@")
    with disposable_redis.client() as operator:
        operator.execute_command(*USER.format("resetchannels &koyjabo:*").split())
        server = new_server(sqlite_database, REDIS_URL=url).start()
        wait_until(lambda: refused(server), "the readiness reports the refusal")
        for number in range(3):
            server.register(f"visitor-{number}")
        before = errors(operator)
        wait_until(lambda: errors(operator) > before, "it has tried again")
        assert server.log.count("redis_refused cause=") == 1, server.log
        assert "redis_unreachable" not in server.log
        assert server.register("ayesha").ordinal == 4
        operator.execute_command(*USER.format("&*").split())
        operator.client_kill_filter(user="app")
        wait_until(lambda: not refused(server), "it is accepted")


@pytest.mark.parametrize(
    ("refuse", "accept", "words"),
    [
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", ["SET key kept"]),
        ("ACL SETUSER default -append", "ACL SETUSER default +append", ["APPEND key kept"] * 3),
    ],
)
def test_a_redis_that_refuses_a_write_is_named_once_and_returns_only_after_it_writes(
    disposable_redis, caplog, refuse, accept, words
):
    """It publishes all the time. The first message has nothing to send when it is tried again."""
    client = connect(disposable_redis.url)
    outbox = RedisOutbox(ThreadRuntime(), client, lambda: None)
    publish = partial(outbox.send_newest, "message", partial(client.run, "PUBLISH", CHANNEL, ""))
    with disposable_redis.client() as operator:
        operator.execute_command(*refuse.split())
        outbox.send_newest("number", lambda: words and client.run(*words.pop().split()))
        wait_until(lambda: not outbox.reachable, "it has been refused")
        refused = errors(operator)
        publish()
        wait_until(lambda: errors(operator) > refused or outbox.reachable, "it has tried again")
        assert not outbox.reachable
        operator.execute_command(*accept.split())
        publish()
        wait_until(lambda: outbox.reachable, "it is accepted")
    assert [line.getMessage().split()[0] for line in caplog.records] == ["redis_refused", "redis_recovered"]
    client.close()


def test_a_redis_that_accepts_no_further_client_refuses_the_listener(disposable_redis, caplog):
    """The commands of this worker may have their connections already."""
    client = connect(disposable_redis.url)
    with disposable_redis.client() as operator:
        operator.config_set("maxclients", 1)
        Thread(target=Listener(client, ThreadRuntime(), (CHANNEL,), lambda *_: None).run, daemon=True).start()
        wait_until(lambda: client.refusal == "ERR max number of clients reached", "the refusal is known")
        wait_until(lambda: operator.info("stats")["rejected_connections"] > 2, "it has tried again")
        operator.config_set("maxclients", 9)
        wait_until(lambda: not client.refusal, "it is accepted")
    assert [line.getMessage().split()[0] for line in caplog.records] == ["redis_refused"]
    client.close()


def refused(server) -> dict[str, object] | None:
    readiness = server.get("/readyz").json()["checks"]["redis"]
    return None if readiness["ok"] else readiness


def errors(operator) -> int:
    return int(operator.info("stats")["total_error_replies"])
