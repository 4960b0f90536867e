"""Free ports of this machine."""

from __future__ import annotations

import random
import socket
from collections.abc import Sequence

PORTS = range(20_000, 30_000)
"""Where no system puts its outgoing connections: one of those could take the port of a server that is away."""

EACH = 1_000
"""Ports of each process of the tests, which therefore take none from each other."""


class Ports:
    """Those that this process gives, one after the other: one that was given is not given again soon."""

    def __init__(self, among: Sequence[int]) -> None:
        self.among = among
        self._next = random.randrange(len(among))

    def free(self) -> int:
        while True:
            self._next = (self._next + 1) % len(self.among)
            port = self.among[self._next]
            if not is_taken(port):
                return port


_ports = Ports(PORTS)


def use_ports_of(process: int) -> None:
    """In one of several processes of tests."""
    global _ports
    first = process * EACH % len(PORTS)
    _ports = Ports(PORTS[first : first + EACH])


def free_port() -> int:
    return _ports.free()


def is_taken(port: int) -> bool:
    """Whether a program accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
