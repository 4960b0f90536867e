"""The registry of live workers. Each reports every second. Backends: `MemoryWorkers` and `workers_redis`."""

import uuid
from typing import NamedTuple, Protocol

SOCKET_KINDS = ("site", "communities", "dashboards", "panel", "shares", "socketio", "streams")
"""WebSockets by kind of room, Socket.IO clients, and Server-Sent Events streams."""


class Progress(NamedTuple):
    """The progress of a running recount."""

    began_ms: int
    done: int
    rows: int


class RunningJob(NamedTuple):
    """The progress of a long job, as shown on pages."""

    kind: str  # one of `base.jobs.running_jobs.KINDS`
    began_ms: int
    done: int
    rows: int


class Drop(NamedTuple):
    """What a worker has dropped, because too much was waiting (`base.observability.dropped`)."""

    kind: str
    number: int
    since_ms: int


class Worker(NamedTuple):
    id: str
    host: str
    pid: int
    started_ms: int
    seen_ms: int  # the time of this report
    memory_kb: int | None  # resident; None if the system does not report it
    sockets: dict[str, int]  # by kind
    recount: Progress | None
    lag_ms: float = 0.0  # last measured delay of its event loop
    # When visits stopped being saved (from `counting.visits.Unsaved`, like the next two fields).
    unsaved_ms: int | None = None
    unsaved_cause: str = ""
    refused: int = 0
    jobs: tuple[RunningJob, ...] = ()
    drops: tuple[Drop, ...] = ()


class Workers(Protocol):
    """The registry of one server's workers. Its methods do not block."""

    own_id: str
    """The id of this worker's reports."""

    @property
    def redis_ms(self) -> float | None:
        """Duration of the last call to Redis, ms; None without Redis, or if Redis did not respond."""

    @property
    def redis_refusal(self) -> str:
        """Why Redis refuses this worker, in its own words; "" if it does not."""

    def report(self, worker: Worker) -> None:
        """Report the current state of this worker. A worker that has not reported for some seconds counts as gone."""

    def live(self) -> list[Worker]:
        """The reports of all live workers, at most 2 s old. While Redis does not respond, only this worker's report."""


class MemoryWorkers:
    """A registry without Redis, containing only this worker."""

    def __init__(self) -> None:
        self.own_id = uuid.uuid4().hex
        self.redis_ms: float | None = None
        self.redis_refusal = ""
        self._own: list[Worker] = []

    def report(self, worker: Worker) -> None:
        self._own = [worker]

    def live(self) -> list[Worker]:
        return list(self._own)
