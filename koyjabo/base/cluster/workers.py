"""The registry of live workers. Each reports every second. Backends: `MemoryWorkers` and `workers_redis`."""

import os
import uuid
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Progress(NamedTuple):
    """The progress of a running recount."""

    began_ms: int
    done: int
    rows: int


class RunningJob(NamedTuple):
    """The progress of a long job, as shown on pages."""

    kind: str  # one of `base.jobs.running_jobs.JOB_LABELS`
    began_ms: int
    done: int
    rows: int


class Worker(NamedTuple):
    id: str
    recount: Progress | None = None
    lag_ms: float = 0.0  # last measured delay of its event loop
    # When visits stopped being saved (from `counting.unsaved_visits.Unsaved`, like the next field).
    unsaved_ms: int | None = None
    unsaved_cause: str = ""
    jobs: tuple[RunningJob, ...] = ()
    # Its machine, the name of the machine or container, and the time that the machine's clock shows.
    machine: str = ""
    host: str = ""
    clock_ms: int = 0


def host_name() -> str:
    """The name of this machine, or of this container."""
    return os.uname().nodename


@cache
def machine_id() -> str:
    """A random id of this machine since its start. Containers on one machine share the id, as they share the clock. On
    a system without such an id, this is the machine's name.
    """
    try:
        return BOOT_ID.read_text("utf-8").strip()
    except OSError:  # not Linux
        return host_name()


class Workers(Protocol):
    """The registry of one server's workers. Its methods do not block."""

    own_id: str
    """The id of this worker's reports."""

    def report(self, worker: Worker) -> None:
        """Report the current state of this worker. A worker that has not reported for some seconds counts as gone."""

    def live(self) -> list[Worker]:
        """The reports of all live workers, at most 2 s old. While Redis does not respond, only this worker's report."""


class MemoryWorkers:
    """A registry without Redis, containing only this worker."""

    def __init__(self) -> None:
        self.own_id = uuid.uuid4().hex
        self._own: list[Worker] = []

    def report(self, worker: Worker) -> None:
        self._own = [worker]

    def live(self) -> list[Worker]:
        return list(self._own)
