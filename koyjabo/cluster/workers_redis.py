"""The workers of one Redis: each says what it is and hears of the others in the same breath, as a lease."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any

import redis

from koyjabo.cluster import scripts
from koyjabo.cluster.outbox import Outbox
from koyjabo.cluster.workers import Progress, Worker

LEASE_S = 4.0
"""How long a worker is taken to be there after it said so, which it does every second."""

KEYS = ("koyjabo:workers", "koyjabo:workers:leases")


class RedisWorkers:
    def __init__(self, client: redis.Redis, outbox: Outbox) -> None:
        self._script = scripts.load(client, __file__, "workers")
        self._outbox = outbox
        self._own: list[Worker] = []
        self._all: list[Worker] = []
        self._took_ms: float | None = None

    @property
    def redis_ms(self) -> float | None:
        return self._took_ms if self._outbox.reachable else None

    def tell(self, worker: Worker) -> None:
        self._own = [worker]
        self._outbox.put("worker", partial(self._tell, worker))

    def all(self) -> list[Worker]:
        """This one as it is now: what Redis says of it is a little older."""
        own = {each.id for each in self._own}
        others = (each for each in self._all if self._outbox.reachable and each.id not in own)
        return sorted((*self._own, *others), key=lambda each: (each.host, each.pid))

    def _tell(self, worker: Worker) -> None:
        began = time.perf_counter()
        told = self._script(KEYS, (worker.id, json.dumps(worker._asdict()), round(LEASE_S * 1000)))
        self._took_ms = (time.perf_counter() - began) * 1000
        self._all = [_worker(json.loads(each)) for each in told]


def _worker(said: dict[str, Any]) -> Worker:
    """Of what it knows: a worker of another version may say more."""
    recount = said["recount"]
    known = {name: said[name] for name in Worker._fields}
    return Worker(**{**known, "recount": Progress._make(recount) if recount else None})
