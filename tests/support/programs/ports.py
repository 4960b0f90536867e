"""Free ports on this machine."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from itertools import cycle

PORTS = range(20_000, 30_000)
"""Below the ports used for outgoing connections, which could otherwise take a stopped server's port."""

EACH = 500  # number of ports reserved for each test process, so that processes never collide
_ports = cycle(random.sample(PORTS, len(PORTS)))  # the ports of this process in turn, so that a port is not reused soon


def reserve_ports() -> socket.socket:
    """Use a range of ports that no other test process has. Its first port is the lock."""
    global _ports
    for first in PORTS[::EACH]:
        lock = socket.socket()
        with suppress(OSError):
            lock.bind(("127.0.0.1", first))
            _ports = cycle(range(first + 1, first + EACH))
            return lock
        lock.close()
    raise AssertionError("other test processes have reserved all ports")


def free_port() -> int:
    return next(port for port in _ports if not is_taken(port))


def is_taken(port: int) -> bool:
    """Whether a program accepts connections on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
