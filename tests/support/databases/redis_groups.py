"""Several Redis servers, with a master chosen by Sentinels."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from support.databases.redis import OPTIONS, SERVER
from support.programs.processes import wait_until
from support.programs.service import Service

FAILS_AFTER_MS, NEVER_MS = 1500, 3_600_000
"""How long a server may not reply until the Sentinels consider it failed: once they watch, and before."""

ANSWERS_S = 1.0  # a server that takes longer to reply is considered frozen
SERVICE = "mymaster"


class RedisNode(Service):
    """One of several Redis servers. It keeps its role across restarts, until the Sentinels change it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.options: list[str] = []

    def command(self) -> tuple[str | Path, ...]:
        return (SERVER, "--port", str(self.port), *OPTIONS, *self.options)

    def client(self, **options: Any) -> redis.Redis:
        """A client for only this server. Close it after use."""
        return redis.Redis(
            host="127.0.0.1",
            port=self.port,
            socket_timeout=ANSWERS_S,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
            **options,
        )

    def asks(self, *words: str) -> Any:
        with self.client() as client:
            return client.execute_command(*words)


class Sentinel(RedisNode):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.configuration = folder / f"sentinel-{self.port}.conf"

    def command(self) -> tuple[str | Path, ...]:
        return (SERVER, self.configuration, "--sentinel")


class RedisWithSentinels:
    """A master, two replicas and three Sentinels, in one folder."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="koyjabo-redis-"))
        self.servers = [RedisNode(self.folder) for _ in range(3)]
        self.sentinels = [Sentinel(self.folder) for _ in range(3)]
        self.nodes = [*self.servers, *self.sentinels]

    def __enter__(self) -> Self:
        for replica in self.servers[1:]:
            replica.options += ["--replicaof", "127.0.0.1", str(self.servers[0].port)]
        for server in self.servers:
            server.start()
        wait_until(self._is_settled, "the replicas follow", every_s=0.02)
        for number, sentinel in enumerate(self.sentinels):
            sentinel.configuration.write_text("\n".join(self._configuration(number)))
            sentinel.start()
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            if node.running:
                node.kill()
        shutil.rmtree(self.folder)

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    def _configuration(self, number: int) -> Iterator[str]:
        sentinel, port = self.sentinels[number], self.servers[0].port
        yield from (f"dir {self.folder}", "bind 127.0.0.1", f"sentinel myid {number:040x}")
        yield f"port {sentinel.port}"
        yield f"sentinel monitor {SERVICE} 127.0.0.1 {port} 2"
        yield f"sentinel down-after-milliseconds {SERVICE} {NEVER_MS}"
        yield f"sentinel failover-timeout {SERVICE} 5000"
        for replica in self.servers[1:]:
            yield f"sentinel known-replica {SERVICE} 127.0.0.1 {replica.port}"
        for other, known in enumerate(self.sentinels):
            if other != number:
                yield f"sentinel known-sentinel {SERVICE} 127.0.0.1 {known.port} {other:040x}"

    def master(self) -> RedisNode:
        """The server that is the master according to both itself and a Sentinel. Raises an error if there is none."""
        for sentinel in self.sentinels:
            with suppress(redis.RedisError):
                _, port = sentinel.asks("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
                (named,) = [server for server in self.servers if server.port == int(port)]
                assert named.asks("ROLE")[0] == "master"
                return named
        raise AssertionError("no Sentinel knows a master that answers")

    @contextmanager
    def client(self) -> Iterator[redis.Redis]:
        """A client for the master, independent of the product."""
        with self.master().client() as client:
            yield client

    def thaw(self) -> None:
        for node in self.nodes:
            if node.running:
                node.thaw()

    def watch(self) -> None:
        """Let the Sentinels replace a master that fails. Until now, a busy machine was no failure."""
        for sentinel in self.sentinels:
            sentinel.asks("SENTINEL", "SET", SERVICE, "down-after-milliseconds", str(FAILS_AFTER_MS))

    def wait_for_another(self, than: RedisNode) -> RedisNode:
        """Wait until a server other than `than` is the master, and return it."""
        wait_until(lambda: self._other(than), "another server has taken over", every_s=0.05)
        return self.master()

    def _other(self, than: RedisNode) -> bool:
        with suppress(redis.RedisError, AssertionError):
            return self.master() is not than
        return False

    def settle(self) -> None:
        """Wait until all replicas are synchronized with the master."""
        wait_until(self._is_settled, "the replicas follow", every_s=0.05)

    def _is_settled(self) -> bool:
        with suppress(redis.RedisError):
            return all(self._is_in_place(server) for server in self.servers)
        return False

    def _is_in_place(self, node: RedisNode) -> bool:
        role, *more = node.asks("ROLE")
        return bool(more[1]) if role == "master" else role == "slave" and more[2] == "connected"
