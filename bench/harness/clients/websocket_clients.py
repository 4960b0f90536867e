"""Thousands of WebSocket or stream clients in one cheap process (load/wsload.c), controlled by lines of text."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from harness.folders import compiled

PLAIN, SOCKET_IO, STREAM = "plain", "socketio", "stream"
SPARE_FILES = 200
STOP_S = 5.0
LOWER_PRIORITY = 10


@dataclass(frozen=True)
class Endpoint:
    """Where clients connect to a server, and the protocol they use."""

    path: str
    kind: str
    deflate: bool = False  # whether the clients offer permessage-deflate
    watch: bool = False  # whether the clients watch the number of the page /a; updates are then changes of this number


@dataclass(frozen=True)
class Broadcast:
    """One broadcast, as received by the clients. `last_ms` is the time from its start until the last client received
    it.
    """

    last_ms: float
    reached: int
    updates: int


@dataclass(frozen=True)
class Counts:
    """Counts since the start. `deflated` is the number of compressed connections, `update_bytes` the size of the last
    update.
    """

    updates: int
    lost: int
    deflated: int
    update_bytes: int


class WebSocketClients:
    """A group of connected clients."""

    def __init__(self, process: subprocess.Popen[str], size: int) -> None:
        self._process = process
        self.size = size
        self.pid = process.pid

    def settle(self) -> None:
        """Wait until half a second passes without an update, for at most 20 s."""
        self.tell("settle")

    def emit(self, times: int) -> Broadcast:
        """Trigger one broadcast and wait for it to end. If `times` is 0, only the trigger request is sent."""
        return Broadcast(**self.tell(f"emit {times}"))

    def counts(self) -> Counts:
        return Counts(**self.tell("report"))

    def give_way(self) -> None:
        """From now on, give other clients on this core priority."""
        os.setpriority(os.PRIO_PROCESS, self.pid, LOWER_PRIORITY)

    def tell(self, command: str) -> dict:
        self.begin(command)
        return self.answer()

    def begin(self, command: str) -> None:
        """Send a command. `answer` reads its result later."""
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()

    def answer(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the clients ended with status {self._process.wait(STOP_S)}; they have said why")
        return json.loads(line)


@contextmanager
def connect(port: int, endpoint: Endpoint, size: int, core: int | None) -> Iterator[WebSocketClients]:
    """Open `size` connections for the duration of the block."""
    with opening(port, endpoint, size, core) as clients:
        clients.answer()
        yield clients


@contextmanager
def opening(port: int, endpoint: Endpoint, size: int, core: int | None) -> Iterator[WebSocketClients]:
    """Like `connect`, but without waiting. The first `answer` reports that all connections are open."""
    pinned = [] if core is None else ["taskset", "-c", str(core)]
    options = ["deflate"] * endpoint.deflate + ["watch"] * endpoint.watch
    process = subprocess.Popen(
        [*pinned, compiled("wsload"), str(port), endpoint.path, endpoint.kind, str(size), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl+C is for this process; the clients exit when their input closes
    )
    try:
        yield WebSocketClients(process, size)
    finally:  # when their input closes, the clients exit
        try:
            process.communicate(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def allow_files(connections: int) -> None:
    """Raise the limit on open files for us and the servers we start. Exits with a message if it is too low."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < connections + SPARE_FILES:
        raise click.ClickException(
            f"{connections} connections need as many open files, and only {most} are allowed: raise the hard limit "
            f"(ulimit -Hn {connections + SPARE_FILES})."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
