"""The worker registry in Redis: one call renews this worker's lease and reads all reports."""

import json
import uuid
from functools import partial
from typing import Any

from . import redis_client
from .outbox import RedisOutbox
from .redis_client import RedisClient
from .workers import Progress, RunningJob, Worker

LEASE_S = 4.0
"""How long a worker counts as live after a report, s. It reports every second."""

WORKER_KEYS = ("koyjabo:{worker_reports}", "koyjabo:{worker_reports}:leases")


class RedisWorkers:
    def __init__(self, client: RedisClient, outbox: RedisOutbox) -> None:
        self.own_id = uuid.uuid4().hex
        self._script = redis_client.load(client, __file__, "workers")
        self._outbox = outbox
        self._own: list[Worker] = []
        self._all: list[Worker] = []

    def report(self, worker: Worker) -> None:
        self._own = [worker]
        self._outbox.send_newest("worker", partial(self._renew, worker))

    def live(self) -> list[Worker]:
        """The live workers. This worker's own report comes from memory, because the copy in Redis is a little older."""
        own = {worker.id for worker in self._own}
        others = self._all if self._outbox.reachable else []
        return [*self._own, *(worker for worker in others if worker.id not in own)]

    def _renew(self, worker: Worker) -> None:
        reports = self._script(WORKER_KEYS, (worker.id, json.dumps(worker._asdict()), round(LEASE_S * 1000)))
        self._all = [_parse(json.loads(report)) for report in reports]


def _parse(report: dict[str, Any]) -> Worker:
    """Parse a report, which may come from another version. Unknown fields are ignored, and newer fields may be
    missing.
    """
    recount = report.get("recount")
    known = {name: report[name] for name in Worker._fields if name in report}
    jobs = tuple(RunningJob._make(job) for job in report.get("jobs", ()))
    return Worker(**{**known, "recount": Progress._make(recount) if recount else None, "jobs": jobs})
