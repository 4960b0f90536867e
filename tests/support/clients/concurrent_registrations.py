"""Many clients that register visits at once over kept connections, and record the responses."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from itertools import count
from typing import Any

from support.clients.connection import Answer, Connection
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.server import Server

Visit = tuple[str, str]  # (visitorId, visitId)
TRY_AGAIN_AFTER_S, NEXT_AFTER_S = 0.05, 0.1
REQUEST_TIMEOUT_S = PATIENCE_S / 2


class Client:
    """A cheap simulated browser. It calls one server after the other, over kept connections."""

    def __init__(self, servers: Sequence[Server], first: int) -> None:
        self.seen_total = 0
        self._servers = servers
        self._turn = first
        self._connections: dict[int, Connection] = {}  # by port

    def register(self, visitor: str, visit: str) -> Answer | None:
        """The next server's response, or None without a response."""
        self._turn += 1
        port = self._servers[self._turn % len(self._servers)].port
        answer = None
        with suppress(OSError, HTTPException):
            if port not in self._connections:
                self._connections[port] = Connection(port, REQUEST_TIMEOUT_S)
            answer = self._connections[port].send_visit(visitor, visit).answer()
        if (answer is None or answer.headers["Connection"] == "close") and port in self._connections:
            self._connections.pop(port).end()
        return answer

    def close(self) -> None:
        for connection in self._connections.values():
            connection.end()


@dataclass(frozen=True)
class Receipt:
    ordinal: int
    duplicate: bool
    total: int
    by_retry: bool  # the visit was acknowledged before, or its outcome unknown


class Crowd:
    """Clients that each register their share of `visits`, and retry some of them.

    A client rotates through `servers`. When it gets no response or a Retry-After, it tries the next server until it
    succeeds. As a context manager, it exits when all visits are acknowledged. With `goes_on`, clients then register
    further visits until the block ends, so that no statement in the block runs after the last visit.
    """

    def __init__(
        self,
        servers: Sequence[Server],
        visits: int = 2000,
        clients: int = 16,
        visitors: int = 200,
        retries: float = 0.2,
        seed: int = 1,
        goes_on: bool = False,
    ) -> None:
        # in order of the responses; each visit has one client
        self.receipts: dict[Visit, list[Receipt]] = defaultdict(list)
        self.lost = 0  # requests without a response
        self.refusals: list[tuple[str | None, str]] = []  # Retry-After and code of each 503
        self.surprises: list[str] = []  # what must never happen
        self._servers = servers
        self._retries = retries
        self._stopping = threading.Event()  # set if the test failed
        self._may_end = threading.Event()
        if not goes_on:
            self._may_end.set()
        self._visits, self._clients, self._visitors, self._seed = visits, clients, visitors, seed
        self._threads = [
            threading.Thread(target=self._be_a_client, args=(which, random.Random(seed * 1000 + which)))
            for which in range(clients)
        ]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._stopping.set()
        self._may_end.set()
        for thread in self._threads:
            thread.join()

    @property
    def acknowledged(self) -> int:
        return len(self.receipts)

    def wait_for(self, acknowledged: int) -> None:
        """Return as soon as this many visits are acknowledged, while the clients keep working."""
        wait_until(lambda: self.acknowledged >= acknowledged or self.surprises, f"{acknowledged} visits", every_s=0.001)
        assert self.surprises == []

    def wait_for_later(self) -> None:
        """Return as soon as a visit sent after this call is acknowledged. The crowd must go on."""
        self.wait_for(self.acknowledged + self._clients + 1)

    @property
    def first_ordinals(self) -> list[int]:
        """The visit number in each visit's first receipt, sorted."""
        return sorted(receipts[0].ordinal for receipts in self.receipts.values())

    def _be_a_client(self, which: int, chance: random.Random) -> None:
        client = Client(self._servers, which)
        registered = []
        try:
            for visit in self._visits_of(which):
                self._register(client, visit)
                registered.append(visit)
                if chance.random() < self._retries:
                    self._register(client, chance.choice(registered))
        except Exception as error:  # a thread's traceback is not shown
            self.surprises.append(f"{type(error).__name__}: {error}")
        finally:
            client.close()

    def _visits_of(self, which: int) -> Iterator[Visit]:
        for number in count(which, self._clients):
            if number >= self._visits and self._may_end.wait(NEXT_AFTER_S):
                return
            yield f"visitor-{number % self._visitors}", f"{self._seed}-{number}"

    def _register(self, client: Client, visit: Visit) -> None:
        by_retry, deadline = visit in self.receipts, time.monotonic() + PATIENCE_S
        while not self._stopping.is_set():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{visit} was not acknowledged within {PATIENCE_S} s")
            answer = client.register(*visit)
            if answer is None:
                self.lost += 1
            elif answer.status == 200:
                self._note(client, visit, answer.json, by_retry)
                return
            elif answer.status == 503:
                self.refusals.append((answer.headers["Retry-After"], answer.json["code"]))
            else:
                raise AssertionError(f"{visit} was answered {answer}")
            by_retry = True
            time.sleep(TRY_AGAIN_AFTER_S)

    def _note(self, client: Client, visit: Visit, body: dict[str, Any], by_retry: bool) -> None:
        receipt = Receipt(
            body["visit"]["ordinal"], body["visit"]["duplicate"], body["stats"]["totalVisitors"], by_retry
        )
        if receipt.total < max(receipt.ordinal, client.seen_total):
            self.surprises.append(f"the total fell: {receipt} after {client.seen_total}")
        client.seen_total = receipt.total
        self.receipts[visit].append(receipt)
