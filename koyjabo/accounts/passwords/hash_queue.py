"""The order in which passwords are hashed: in turns, by the network that they come from (decision 52)."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from koyjabo.core.errors import TooBusy
from koyjabo.core.runtime import Runtime, Waiter
from koyjabo.network.client_address import AddressCounter

AT_ONCE = 2
"""Jobs that have their turn: one is hashed, and the next is ready when it is done."""

MOST_OF_AN_ADDRESS = 3
"""Waiting jobs of one address. 60 addresses have 180."""

MOST_WAITING = 400
"""Waiting jobs of all clients, in each of the two queues. A first job of each of 133 addresses has its turn."""

PATIENCE_S = 15.0
IN_A_ROW = 3
"""Jobs of familiar clients after which one of the others has its turn: accounts of attackers have familiar browsers,
too.
"""


class PasswordClient(NamedTuple):
    """Who sends a password: an address as `client_address.limit_key` writes it ("" has no limit), and whether it is a
    familiar browser or a logged-in user.
    """

    address: str = ""
    is_familiar: bool = False


FIRST = PasswordClient(is_familiar=True)
"""The operator."""


class Turn:
    """The place of one job in the queue."""

    __slots__ = ("has_begun", "is_left", "since", "waiter")

    def __init__(self, waiter: Waiter) -> None:
        self.waiter = waiter
        self.since = time.monotonic()
        self.has_begun = False
        self.is_left = False  # its request has ended


class TurnQueue:
    """Waiting jobs by address, which have their turns one after the other."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, deque[Turn]] = OrderedDict()
        self._counter = AddressCounter()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def has_room(self, address: str) -> bool:
        return self._count < MOST_WAITING and (not address or self._counter.has_room(address, MOST_OF_AN_ADDRESS))

    def append(self, address: str, turn: Turn) -> None:
        self._jobs.setdefault(address, deque()).append(turn)
        self._counter.add(address)
        self._count += 1

    def pop(self) -> Turn:
        """The first job of the address whose turn it is. The address goes to the end."""
        address, jobs = self._jobs.popitem(last=False)
        turn = jobs.popleft()
        if jobs:
            self._jobs[address] = jobs
        self._counter.remove(address)
        self._count -= 1
        return turn


class HashQueue:
    """Lets AT_ONCE jobs run at a time: those of familiar clients first, of other clients one in IN_A_ROW + 1."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._familiar, self._others = TurnQueue(), TurnQueue()
        self._running = self._in_a_row = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many jobs wait."""
        return len(self._familiar) + len(self._others)

    def require_room(self, client: PasswordClient) -> None:
        """Raises TooBusy if a job of this client would have to wait, and could not."""
        if self._running >= AT_ONCE and not self._line(client).has_room(client.address):
            raise TooBusy

    @contextmanager
    def turn(self, client: PasswordClient) -> Iterator[None]:
        """Wait for the turn of a job, which lasts as long as the context. Raises TooBusy, after PATIENCE_S at most."""
        waiting = self._enter(client)
        try:
            if waiting is not None:
                waiting.waiter.wait()
                if not waiting.has_begun:
                    raise TooBusy
            yield
        finally:
            self._leave(waiting)

    def _line(self, client: PasswordClient) -> TurnQueue:
        return self._familiar if client.is_familiar else self._others

    def _enter(self, client: PasswordClient) -> Turn | None:
        """Returns None if the turn has begun."""
        with self._lock:
            self.require_room(client)
            if self._running < AT_ONCE:
                self._running += 1
                return None
            turn = Turn(self._runtime.waiter())
            self._line(client).append(client.address, turn)
            return turn

    def _leave(self, turn: Turn | None) -> None:
        woken: list[Turn] = []
        with self._lock:
            if turn is None or turn.has_begun:
                self._running -= 1
                woken = self._begin_next()
            else:
                turn.is_left = True
        for woken_turn in woken:
            self._runtime.soon(woken_turn.waiter.wake)

    def _begin_next(self) -> list[Turn]:
        """Begin the next turn. Returns the jobs to wake: its own, and jobs that have waited too long."""
        woken: list[Turn] = []
        while len(self) and self._running < AT_ONCE:
            is_familiar = bool(len(self._familiar)) and (self._in_a_row < IN_A_ROW or not len(self._others))
            turn = (self._familiar if is_familiar else self._others).pop()
            if turn.is_left:
                continue
            woken.append(turn)
            if time.monotonic() - turn.since < PATIENCE_S:
                turn.has_begun = True
                self._running += 1
                self._in_a_row = self._in_a_row + 1 if is_familiar else 0
        return woken
