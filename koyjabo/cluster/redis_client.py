"""The interface to Redis, whichever of three kinds it is (`redis_connection`, `redis_cluster`), and Lua scripts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import redis
from redis.exceptions import NoScriptError


class SlotUnavailable(redis.RedisError):
    """The slot of one key is moving, or no server has it. Other keys are served."""


class Command(NamedTuple):
    """A command that concerns the slot of one key, or of several with the same `{tag}`."""

    key: str
    words: tuple[Any, ...]
    script: str = ""
    """The text of the script that the words name by its digest."""

    @property
    def with_text(self) -> tuple[Any, ...]:
        """The words, for a server that does not know the script; it does from then on."""
        return ("EVAL", self.script, *self.words[2:])


class RedisClient(Protocol):
    """Connects with the first command. A command that gets no answer raises redis.RedisError or OSError, after about a
    second; SlotUnavailable concerns the slot of its key alone."""

    publish_to_room: str
    subscribe_to_room: str
    """The commands for a channel that one shard has: in a cluster, other shards do not hear of it."""

    @property
    def shards(self) -> AbstractSet[str]:
        """The servers that share the keys, by name. Empty while a cluster has not been asked yet."""

    def shard_of(self, key: str) -> str:
        """The server that has a key or a channel; "" while that is not known. Does not block."""

    def origin_of(self, key: str) -> str:
        """Names the server that answers for a key. After a change, its data may be older. Does not block."""

    def run(self, command: Command) -> Any: ...

    def run_all(self, commands: Sequence[Command]) -> list[Any]:
        """One round trip for each shard. Raises the first error; after a silent shard, no other one is asked."""

    def run_each(self, commands: Sequence[Command]) -> list[Any]:
        """As `run_all`, but SlotUnavailable is the answer of the commands that it concerns."""

    def ping(self, shard: str = "") -> object: ...

    def new_connection(self, shard: str) -> Any:
        """A connection of redis-py's for subscriptions, not connected yet."""

    def serves(self, connection: Any) -> bool:
        """Whether the server of a connection is still the one to use. Does not block."""

    def watch(self) -> None:
        """Keep asking who is the master, where no server says that it is another one. For a task of its own."""

    def learn(self, failed: str = "") -> None:
        """Ask which server has which keys, of `failed` last; `on_learned` is called after a change."""

    on_learned: Callable[[], object]

    def close(self) -> None:
        """Close the connections. Another command opens new ones."""


def run_on(client: redis.Redis, command: Command) -> Any:
    try:
        return client.execute_command(*command.words)  # type: ignore[no-untyped-call]
    except NoScriptError:  # the server was restarted, or was a replica until now
        return client.execute_command(*command.with_text)  # type: ignore[no-untyped-call]


def run_together(client: redis.Redis, commands: Sequence[Command]) -> list[Any]:
    """In one round trip. An error of one command is its answer."""
    with client.pipeline(transaction=False) as pipe:
        for command in commands:
            pipe.execute_command(*command.words)  # type: ignore[no-untyped-call]
        return pipe.execute(raise_on_error=False)


def connection_of(client: redis.Redis) -> Any:
    """Beside the pool, which has a limit."""
    pool = client.connection_pool
    return pool.connection_class(**pool.connection_kwargs)


def tag(name: str) -> str:
    """Keys that contain the same tag share a slot of a cluster; the tag by itself has that slot, too."""
    return f"{{{name}}}"


class Script:
    """A Lua script. Call it with its keys, which share a slot, and its arguments."""

    def __init__(self, client: RedisClient, text: str) -> None:
        self._client = client
        self._text = text
        self._digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        return self._client.run(self.command(keys, arguments))

    def command(self, keys: Sequence[str], arguments: Sequence[Any]) -> Command:
        return Command(keys[0], ("EVALSHA", self._digest, len(keys), *keys, *arguments), self._text)


def load(client: RedisClient, beside: str, name: str) -> Script:
    """The script `name`.lua from the folder of the file `beside`."""
    return Script(client, Path(beside).with_name(f"{name}.lua").read_text(encoding="utf-8"))
