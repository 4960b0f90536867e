"""Several Redis servers, from Debian, which stand in for each other: by Sentinels, or as a cluster."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import pytest
import redis
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.retry import Retry

from support.programs.installed import program
from support.programs.ports import free_port
from support.programs.processes import wait_until
from support.programs.service import Service

OPTIONS = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0")
REMEDY = "`make redis` brings it"
SLOTS = 16384
FAILS_AFTER_MS = 1500
"""After this time without an answer the others count a server as gone."""

ANSWERS_S = 1.0
"""One that takes longer counts as frozen."""

SERVICE = "mymaster"
PASSWORD, SENTINEL_PASSWORD = "p/ss", "s%ntinel"
QUOTED, SENTINEL_QUOTED = "p%2Fss", "s%25ntinel"


ON_CLUSTER = pytest.param(
    "redis_cluster",
    marks=pytest.mark.long(proved_by="cluster/test_redis_cluster.py::test_commands_follow_a_slot_that_moves"),
)
"""For contract tests of what is in Redis: the name of the fixture."""


class RedisNode(Service):
    """One server of several. It keeps its role when it starts again, until the others tell it another one."""

    password = PASSWORD

    def __init__(self, folder: Path, options: Sequence[str | Path] = (), tls: Sequence[str | Path] = ()) -> None:
        super().__init__(folder)
        self.options = list(options)
        self._tls = tls

    def command(self) -> tuple[str | Path, ...]:
        port = ("--port", "0", "--tls-port", str(self.port), *self._tls) if self._tls else ("--port", str(self.port))
        return (program("redis-server", REMEDY), *port, *OPTIONS, *self.options)

    def client(self, **options: Any) -> redis.Redis:
        """A client of this server alone; close it."""
        return redis.Redis(
            host="127.0.0.1",
            port=self.port,
            socket_timeout=ANSWERS_S,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
            **self.credentials,
            **options,
        )

    def asks(self, *words: str) -> Any:
        with self.client() as client:
            return client.execute_command(*words)

    @property
    def credentials(self) -> dict[str, Any]:
        return {"password": self.password, "ssl": True, "ssl_cert_reqs": "none"} if self._tls else {}


class Sentinel(RedisNode):
    password = SENTINEL_PASSWORD

    def __init__(self, folder: Path, tls: Sequence[str | Path] = ()) -> None:
        super().__init__(folder, (), tls)
        self.configuration = folder / f"sentinel-{self.port}.conf"

    def command(self) -> tuple[str | Path, ...]:
        return (program("redis-sentinel", REMEDY), self.configuration)


class RedisGroup:
    """Several servers, in a folder of their own."""

    url: str
    running = True

    def __init__(self, is_secure: bool = False) -> None:
        self.is_secure = is_secure
        self.folder = Path(tempfile.mkdtemp(prefix="koyjabo-redis-"))
        self.tls = _certificate(self.folder) if is_secure else ()
        self.nodes: list[RedisNode] = []

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        raise NotImplementedError

    def stop(self) -> None:
        for node in self.nodes:
            if node.running:
                node.kill()
        shutil.rmtree(self.folder)

    def owner(self, key: str = "") -> RedisNode:
        """The master, or the one of a cluster that has this key. Raises AssertionError or RedisError without one."""
        raise NotImplementedError

    @contextmanager
    def client(self) -> Iterator[Any]:
        """A client for looking at it from outside the product."""
        raise NotImplementedError
        yield

    def thaw(self) -> None:
        for node in self.nodes:
            if node.running:
                node.thaw()

    def wait_for_another(self, than: RedisNode, key: str = "") -> RedisNode:
        """Wait until another server has taken over, and return it."""
        wait_until(lambda: self._other(than, key), "another server has taken over", every_s=0.05)
        return self.owner(key)

    def _has(self, node: RedisNode, key: str) -> bool:
        with suppress(redis.RedisError, AssertionError):
            return self.owner(key) is node
        return False

    def _other(self, than: RedisNode, key: str) -> bool:
        with suppress(redis.RedisError, AssertionError):
            return self.owner(key) is not than
        return False

    def settle(self) -> None:
        """Wait until each master has a replica that has all, as if nothing had happened."""
        wait_until(self._is_settled, "the replicas follow", every_s=0.05)

    def _is_settled(self) -> bool:
        with suppress(redis.RedisError):
            return all(self._is_in_place(node) for node in self.nodes)
        return False

    def _is_in_place(self, node: RedisNode) -> bool:
        role, *more = node.asks("ROLE")
        return bool(more[1]) if role == "master" else role == "slave" and more[2] == "connected"


class RedisWithSentinels(RedisGroup):
    """Three servers, of which one is the master, and three Sentinels."""

    def start(self) -> Self:
        secure = ("--requirepass", PASSWORD, "--masterauth", PASSWORD) if self.is_secure else ()
        tls = (*self.tls, "--tls-replication", "yes") if self.is_secure else ()
        self.servers = [RedisNode(self.folder, secure, tls) for _ in range(3)]
        for replica in self.servers[1:]:
            replica.options += ["--replicaof", "127.0.0.1", str(self.servers[0].port)]
        self.sentinels = [Sentinel(self.folder, self.tls) for _ in range(3)]
        self.nodes = [*self.servers, *self.sentinels]
        for server in self.servers:
            server.start()
        wait_until(self._is_settled, "the replicas follow", every_s=0.02)
        for number, sentinel in enumerate(self.sentinels):
            sentinel.configuration.write_text("\n".join(self._configuration(number)))
            sentinel.start()
        user, scheme, query = "", "redis", ""
        if self.is_secure:
            user, scheme = f":{QUOTED}@", "rediss"
            query = f"?sentinel_password={SENTINEL_QUOTED}&ssl_cert_reqs=none"
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.sentinels)
        self.url = f"{scheme}+sentinel://{user}{hosts}/{SERVICE}/0{query}"
        return self

    def _configuration(self, number: int) -> Iterator[str]:
        sentinel, port = self.sentinels[number], self.servers[0].port
        yield from (f"dir {self.folder}", "bind 127.0.0.1", f"sentinel myid {number:040x}")
        if self.is_secure:
            yield from ("port 0", f"tls-port {sentinel.port}", "tls-replication yes", *_lines(self.tls))
            yield f'requirepass "{SENTINEL_PASSWORD}"'
        else:
            yield f"port {sentinel.port}"
        yield f"sentinel monitor {SERVICE} 127.0.0.1 {port} 2"
        yield f"sentinel down-after-milliseconds {SERVICE} {FAILS_AFTER_MS}"
        yield f"sentinel failover-timeout {SERVICE} 5000"
        if self.is_secure:
            yield f'sentinel auth-pass {SERVICE} "{PASSWORD}"'
        for replica in self.servers[1:]:
            yield f"sentinel known-replica {SERVICE} 127.0.0.1 {replica.port}"
        for other, each in enumerate(self.sentinels):
            if other != number:
                yield f"sentinel known-sentinel {SERVICE} 127.0.0.1 {each.port} {other:040x}"

    def owner(self, key: str = "") -> RedisNode:
        """By the first Sentinel that answers and by the server itself."""
        for sentinel in self.sentinels:
            with suppress(redis.RedisError):
                _, port = sentinel.asks("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
                (found,) = [each for each in self.servers if each.port == int(port)]
                assert found.asks("ROLE")[0] == "master"
                return found
        raise AssertionError("no Sentinel knows a master that answers")

    @contextmanager
    def client(self) -> Iterator[redis.Redis]:
        with self.owner().client() as client:
            yield client

    def _is_settled(self) -> bool:
        with suppress(redis.RedisError):
            return all(self._is_in_place(node) for node in self.servers)
        return False


class RedisClusterOfSix(RedisGroup):
    """Three masters, and a replica of each."""

    def start(self) -> Self:
        secure = ("--requirepass", PASSWORD, "--masterauth", PASSWORD) if self.is_secure else ()
        tls = (*self.tls, "--tls-replication", "yes", "--tls-cluster", "yes") if self.is_secure else ()
        self.nodes = [RedisNode(self.folder, secure, tls) for _ in range(6)]
        buses = [free_port() for _ in self.nodes]
        for number, node in enumerate(self.nodes):
            file = f"nodes-{node.port}.conf"
            (self.folder / file).write_text("\n".join(self._known(number, buses)) + "\n")
            node.options += ["--cluster-enabled", "yes", "--cluster-config-file", file, "--dir", str(self.folder)]
            node.options += ["--cluster-port", str(buses[number]), "--cluster-node-timeout", str(FAILS_AFTER_MS)]
            node.start()
        wait_until(self._is_ok, "the cluster serves", every_s=0.02)
        user, scheme, query = (f":{QUOTED}@", "rediss", "?ssl_cert_reqs=none") if self.is_secure else ("", "redis", "")
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.nodes[:2])
        self.url = f"{scheme}+cluster://{user}{hosts}{query}"
        return self

    def _known(self, own: int, buses: list[int]) -> Iterator[str]:
        """What a server remembers of the cluster, as if it had been in it before."""
        for number, node in enumerate(self.nodes):
            role, master, slots = "master", "-", f" {_first(number)}-{_first(number + 1) - 1}"
            if number >= 3:
                role, master, slots = "slave", f"{number - 3:040x}", ""
            flags = f"{'myself,' if number == own else ''}{role}"
            place = f"127.0.0.1:{node.port}@{buses[number]}"
            yield f"{number:040x} {place} {flags} {master} 0 0 {number % 3 + 1} connected{slots}"
        yield "vars currentEpoch 3 lastVoteEpoch 0"

    def _is_ok(self) -> bool:
        with suppress(redis.RedisError):
            return all(node.asks("CLUSTER INFO")["cluster_state"] == "ok" for node in self.nodes) and self._is_settled()
        return False

    def owner(self, key: str = "") -> RedisNode:
        """The one that all servers name that answer."""
        slot, ports = key_slot(key.encode()), set()
        running = [each for each in self.nodes if each.running]
        for asked in running:
            with suppress(redis.RedisError):
                ports |= {master for first, last, master in _ranges(asked) if first <= slot <= last}
        found = [each for each in running if {each.port} == ports]
        assert found, f"not all know the same owner of the slot of {key}"
        assert found[0].asks("ROLE")[0] == "master"
        return found[0]

    def masters(self) -> list[RedisNode]:
        return [each for each in self.nodes if each.running and each.asks("ROLE")[0] == "master"]

    @contextmanager
    def client(self) -> Iterator[redis.RedisCluster]:
        client = redis.RedisCluster(
            host="127.0.0.1", port=self.owner().port, decode_responses=True, **self.nodes[0].credentials
        )
        try:
            yield client
        finally:
            client.close()

    def move_slot(self, key: str) -> None:
        """Move the slot of a key to another master, as `redis-cli --cluster reshard` does."""
        with self.moving(key):
            pass

    @contextmanager
    def moving(self, key: str) -> Iterator[None]:
        """Meanwhile all keys of the slot have moved, and the slot itself has not."""
        slot, source = key_slot(key.encode()), self.owner(key)
        target = next(each for each in self.masters() if each is not source)
        with ExitStack() as stack:
            ours, theirs = (stack.enter_context(each.client()) for each in (source, target))
            ours_id, theirs_id = (each.execute_command("CLUSTER MYID") for each in (ours, theirs))
            theirs.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ours_id)
            ours.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", theirs_id)
            while keys := ours.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 10):
                for each in keys:
                    ours.execute_command("MIGRATE", "127.0.0.1", target.port, each, 0, 2000, *self._migration)
            yield
            for each in (theirs, ours):
                each.execute_command("CLUSTER", "SETSLOT", slot, "NODE", theirs_id)
        wait_until(lambda: self._has(target, key), "the others know it", every_s=0.02)

    @property
    def _migration(self) -> tuple[str, ...]:
        return ("AUTH", PASSWORD) if self.is_secure else ()


def _first(number: int) -> int:
    return number * SLOTS // 3


def _ranges(node: RedisNode) -> Iterator[tuple[int, int, int]]:
    with node.client() as client:
        client.response_callbacks.pop("CLUSTER SLOTS", None)
        for first, last, master, *_ in client.execute_command("CLUSTER SLOTS"):
            yield first, last, int(master[1])


def _lines(options: Sequence[str | Path]) -> Iterator[str]:
    for name, value in zip(options[::2], options[1::2], strict=True):
        yield f"{str(name).removeprefix('--')} {value}"


def _certificate(folder: Path) -> tuple[str | Path, ...]:
    """Options of a server with TLS, for a certificate that nobody has signed."""
    key, certificate = folder / "redis.key", folder / "redis.crt"
    made = [program("openssl", "Debian has it"), "req", "-x509", "-newkey", "ec", "-nodes", "-days", "1"]
    made += ["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=localhost"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    files = ("--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate)
    return (*files, "--tls-auth-clients", "no")
