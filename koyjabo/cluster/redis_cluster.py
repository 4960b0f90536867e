"""A Redis Cluster: the keys are in slots, and each slot is on one of several servers.

redis-py's own client of a cluster closes the connections of healthy servers whenever one fails, and asks all of them
anew; a server that hangs then delays what does not concern it. This one keeps a client for each server
(decision 83).
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import redis
from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, NoScriptError, TryAgainError

from koyjabo.cluster.redis_client import Command, SlotUnavailable, connection_of, run_on, run_together

REDIRECTIONS = 5
"""So often a command follows a slot that moves."""

TRY_AGAIN_S = 0.02
LEARN_EVERY_S = 0.5
ELSEWHERE = (MovedError, AskError, TryAgainError, ClusterDownError, NoScriptError)
"""A command with such an answer is run again by itself."""


class SlotMap(NamedTuple):
    """`owners[i]` has the slots from `firsts[i]` on, up to the next. A slot of nobody has the owner ""."""

    firsts: tuple[int, ...] = (0,)
    owners: tuple[str, ...] = ("",)

    def owner(self, slot: int) -> str:
        return self.owners[bisect_right(self.firsts, slot) - 1]


class ClusterClient:
    publish_to_room, subscribe_to_room = "SPUBLISH", "SSUBSCRIBE"

    def __init__(self, seeds: Sequence[str], client_of: Callable[[str], redis.Redis]) -> None:
        """`seeds` are the URLs of servers that are asked where the slots are; `client_of` makes a client of a URL."""
        self._client_of = client_of
        self._like = urlsplit(seeds[0])
        self._nodes: dict[str, redis.Redis] = {}
        self._seeds = {_host_and_port(each) for each in seeds}
        for name in self._seeds:
            self._node(name)
        self._map = SlotMap()
        self._learned_at = 0.0
        self._lock = threading.Lock()  # one task learns, for all that have to
        self.on_learned: Callable[[], object] = lambda: None

    @property
    def shards(self) -> AbstractSet[str]:
        return set(self._map.owners) - {""}

    def shard_of(self, key: str) -> str:
        return self._map.owner(key_slot(key.encode()))

    def origin_of(self, key: str) -> str:
        return self.shard_of(key)

    def run(self, command: Command) -> Any:
        for _ in range(REDIRECTIONS):
            try:
                return self._run_at_owner(command)
            except (MovedError, ClusterDownError) as error:
                self._learn_after(error)
            except TryAgainError:
                time.sleep(TRY_AGAIN_S)
        raise SlotUnavailable("its slot is moving, or nobody has it")

    def run_all(self, commands: Sequence[Command]) -> list[Any]:
        answers = self.run_each(commands)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def run_each(self, commands: Sequence[Command]) -> list[Any]:
        answers: list[Any] = [None] * len(commands)
        by_owner: dict[str, list[int]] = {}
        for at, command in enumerate(commands):
            try:
                by_owner.setdefault(self._owner(command.key), []).append(at)
            except SlotUnavailable as error:
                answers[at] = error
        for name, places in by_owner.items():
            for at, answer in zip(places, self._together(name, [commands[at] for at in places]), strict=True):
                answers[at] = self._settled(commands[at], answer)
        for answer in answers:
            if isinstance(answer, Exception) and not isinstance(answer, SlotUnavailable):
                raise answer
        return answers

    def ping(self, shard: str = "") -> object:
        if not shard:
            self.learn()
            return None
        try:
            return self._node(shard).ping()
        except (redis.ConnectionError, redis.TimeoutError):
            self.learn(shard)
            raise

    def new_connection(self, shard: str) -> Any:
        return connection_of(self._node(shard))

    def serves(self, connection: Any) -> bool:
        return True  # the listener of a shard ends with it

    def watch(self) -> None:
        pass  # a server that lost its slots says so

    def learn(self, failed: str = "", first: str = "") -> None:
        """After a failure not again within LEARN_EVERY_S. Raises redis.ConnectionError if no server answers.

        `first` is asked before the others: it has a slot of which they may not know yet.
        """
        with self._lock:
            if failed and time.monotonic() - self._learned_at < LEARN_EVERY_S:
                return
            names = sorted(self._nodes, key=lambda name: (name != first, name == failed, name in self._seeds, name))
            before, self._map = self._map, self._ask_slots(names)
            self._learned_at = time.monotonic()
        if self._map != before:
            self.on_learned()

    def close(self) -> None:
        for node in list(self._nodes.values()):
            node.close()

    def _ask_slots(self, names: Sequence[str]) -> SlotMap:
        """A server that has left the cluster answers with no slots: then the next one is asked."""
        for name in names:
            with suppress(redis.RedisError, OSError):
                if slots := self._nodes[name].execute_command("CLUSTER SLOTS"):  # type: ignore[no-untyped-call]
                    return self._read(slots, name)
        raise redis.ConnectionError("no server of the cluster answers")

    def _run_at_owner(self, command: Command) -> Any:
        name = self._owner(command.key)
        try:
            return run_on(self._node(name), command)
        except MovedError:  # which is an AskError to redis-py
            raise
        except AskError as error:
            return self._run_at_new_owner(error, command)
        except (redis.ConnectionError, redis.TimeoutError):
            self.learn(name)
            raise

    def _settled(self, command: Command, answer: Any) -> Any:
        """The answer, or that of another try by itself."""
        try:
            return self.run(command) if isinstance(answer, ELSEWHERE) else answer
        except SlotUnavailable as error:
            return error

    def _owner(self, key: str) -> str:
        if not self.shard_of(key):
            self.learn()
        if not (name := self.shard_of(key)):
            raise SlotUnavailable("nobody has its slot")
        return name

    def _together(self, name: str, commands: list[Command]) -> list[Any]:
        try:
            return run_together(self._node(name), commands)
        except (redis.ConnectionError, redis.TimeoutError):
            self.learn(name)
            raise

    def _run_at_new_owner(self, error: AskError, command: Command) -> Any:
        """Its keys have moved already, and the slot has not yet."""
        node = self._node(f"{error.host}:{error.port}")
        asking = Command(command.key, ("ASKING",))
        answer = run_together(node, [asking, command])[1]
        if isinstance(answer, NoScriptError):
            answer = run_together(node, [asking, Command(command.key, command.with_text)])[1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _learn_after(self, error: redis.ResponseError) -> None:
        time.sleep(TRY_AGAIN_S)
        first = f"{error.host}:{error.port}" if isinstance(error, MovedError) else ""
        if first:
            self._node(first)
        self.learn(first=first)

    def _read(self, slots: list[Any], asked: str) -> SlotMap:
        """Keeps clients of replicas as well, which know who has the slots when no other server answers."""
        firsts, owners, known, end = [0], [""], set[str](), 0
        for first, last, *servers in sorted(slots, key=lambda each: each[0]):
            names = [_name_of(each, asked) for each in servers]
            known.update(names)
            firsts, owners, end = [*firsts, end, first], [*owners, "", names[0]], last + 1
        for name in known:
            self._node(name)
        self._nodes = {name: self._nodes[name] for name in {*known, *self._seeds}}
        return SlotMap((*firsts, end), (*owners, ""))

    def _node(self, name: str) -> redis.Redis:
        node = self._nodes.get(name)
        if node is None:
            user, at, _ = self._like.netloc.rpartition("@")
            node = self._nodes[name] = self._client_of(self._like._replace(netloc=f"{user}{at}{name}").geturl())
        return node


def _host_and_port(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _name_of(server: list[Any], asked: str) -> str:
    """A server that does not know its own address is the one that was asked."""
    host = server[0].decode() if isinstance(server[0], bytes) else server[0]
    if host in (None, "", "?"):
        return f"{asked.rpartition(':')[0]}:{server[1]}"
    return f"[{host}]:{server[1]}" if ":" in host else f"{host}:{server[1]}"
