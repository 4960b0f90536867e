"""Compares received updates with registrations: when each visit reached each client, and whether a total fell."""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.clients.steady_requests import Answer

ENTRY = struct.Struct("<qqqq")  # `struct entry` of load/wsload.c
SLOT_NS = 100_000


@dataclass(frozen=True)
class Visit:
    """An acknowledged registration. Times are wall clock, in ns."""

    ordinal: int
    sent_ns: int
    committed_ns: int


def visit(answer: Answer) -> Visit:
    """The visit in a response. The revision is the commit time in ms, limited to the interval that the client
    measured.
    """
    body = json.loads(answer.body)
    committed_ns = min(body["stats"]["revision"] * 1_000_000, answer.answered_ns)
    return Visit(body["visit"]["ordinal"], answer.sent_ns, max(committed_ns, answer.sent_ns))


class Delays:
    """A histogram of times in steps of 0.1 ms."""

    def __init__(self) -> None:
        self._slots: Counter[int] = Counter()

    def add(self, ns: int) -> None:
        self._slots[max(0, ns // SLOT_NS)] += 1

    @property
    def count(self) -> int:
        return self._slots.total()

    def percentile_ms(self, percent: float) -> float:
        """The upper end of the step that contains the percentile, ms."""
        left = self.count * percent / 100
        for slot, count in sorted(self._slots.items()):
            left -= count
            if left <= 0:
                return (slot + 1) * SLOT_NS / 1e6
        return 0.0


@dataclass
class Socket:
    """One client's last update, and how often it received an older one."""

    total: int
    revision: int = 0
    went_back: int = 0
    updates: int = 0

    def take(self, total: int, revision: int) -> range:
        """Record an update. Returns the visit numbers that it is the first to include."""
        self.updates += 1
        self.went_back += total < self.total or revision < self.revision
        news = range(self.total + 1, total + 1)
        self.total, self.revision = max(self.total, total), max(self.revision, revision)
        return news


@dataclass
class Deliveries:
    """Delays of all (visit, socket) pairs, and the sockets' final states."""

    starting_total: int
    sockets: list[Socket] = field(default_factory=list)
    from_commit: Delays = field(default_factory=Delays)
    from_sending: Delays = field(default_factory=Delays)

    def read(self, log: Path, clients: int, visits: Sequence[Visit]) -> None:
        """Add the updates that `clients` clients have written to `log`. `visits` are sorted. Adds no delays if a visit
        number is missing.
        """
        mine = [Socket(self.starting_total) for _ in range(clients)]
        self.sockets += mine
        first = self.starting_total + 1
        if any(one.ordinal != first + at for at, one in enumerate(visits)):
            return
        for at_ns, number, total, revision in ENTRY.iter_unpack(log.read_bytes()):
            for ordinal in mine[number].take(total, revision):
                one = visits[ordinal - first]
                self.from_commit.add(at_ns - one.committed_ns)
                self.from_sending.add(at_ns - one.sent_ns)

    def not_on(self, total: int) -> int:
        return sum(socket.total != total for socket in self.sockets)

    @property
    def went_back(self) -> int:
        return sum(socket.went_back for socket in self.sockets)

    @property
    def updates(self) -> int:
        return sum(socket.updates for socket in self.sockets)
