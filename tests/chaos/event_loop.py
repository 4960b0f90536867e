"""One thread with one epoll and one heap of timers, which runs all WebSockets of the campaign."""

from __future__ import annotations

import heapq
import random
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

from chaos.journal import Journal

TURN_S = 0.05


class EventLoop(threading.Thread):
    def __init__(self, journal: Journal, chance: random.Random, port: int) -> None:
        super().__init__(daemon=True, name="switchboard")
        self.journal = journal
        self.port = port
        self.chance = chance
        self._epoll = select.epoll()
        self._ready: dict[int, Any] = {}
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._order = count()
        self._calls: deque[Callable[[], object]] = deque()
        self._over = False

    def call(self, do: Callable[[], object]) -> None:
        """Run `do` soon on the loop's thread. May be called from any thread."""
        self._calls.append(do)

    def stop(self) -> None:
        self._over = True

    # Call these only on the loop's own thread.

    def later(self, in_s: float, do: Callable[[], object]) -> None:
        heapq.heappush(self._due, (time.monotonic() + in_s, next(self._order), do))

    def register(self, file: int, ready: Any, events: int) -> None:
        self._ready[file] = ready
        self._epoll.register(file, events)

    def read_only(self, file: int) -> None:
        self._epoll.modify(file, select.EPOLLIN)

    def forget(self, file: int) -> None:
        if self._ready.pop(file, None) is not None:
            self._epoll.unregister(file)

    def run(self) -> None:
        while not self._over:
            while self._calls:
                self._safely(self._calls.popleft())
            while self._due and self._due[0][0] <= time.monotonic():
                self._safely(heapq.heappop(self._due)[2])
            wait_s = min(TURN_S, max(0.0, self._due[0][0] - time.monotonic())) if self._due else TURN_S
            for file, _ in self._epoll.poll(wait_s, 256):
                if file in self._ready:
                    self._safely(self._ready[file].on_ready)
        self._epoll.close()

    def _safely(self, do: Callable[[], object]) -> None:
        try:
            do()
        except Exception as error:  # a thread's traceback is not shown
            self.journal.breach(f"a client failed: {type(error).__name__}: {error}")
