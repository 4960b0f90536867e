"""The queue for hashing passwords: client addresses take slots in rotation (decision 52)."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from koyjabo.base.core.errors import TooBusy
from koyjabo.base.core.runtime import Runtime, Waiter
from koyjabo.base.network.client_address import AddressCounter

HASH_SLOTS = 2
"""Number of slots: one job is being hashed, and the next is ready to follow."""

MAX_JOBS_OF_ADDRESS = 3
"""Maximum number of waiting jobs per address. 60 addresses can have 180 jobs in total."""

MAX_WAITING_HASHES = 400
"""Maximum number of waiting jobs, in each of the two queues: enough for 133 addresses with
MAX_JOBS_OF_ADDRESS each.
"""

HASH_PATIENCE_S = 15.0
"""How long a job waits for a slot, and again for the thread that hashes, s."""

MAX_FAMILIAR_IN_A_ROW = 3
"""After this many jobs from familiar clients in a row, an unfamiliar client gets a slot. Attackers who have accounts
also have familiar browsers.
"""


class PasswordClient(NamedTuple):
    """The client that sent a password: its address as returned by `client_address.limit_key` ("" has no limit), and
    whether it is a familiar browser or a logged-in user.
    """

    address: str = ""
    is_familiar: bool = False


OPERATOR_CLIENT = PasswordClient(is_familiar=True)
"""The operator, who has priority."""


class WaitingJob:
    """One job in the queue."""

    __slots__ = ("has_begun", "is_left", "since", "waiter")

    def __init__(self, waiter: Waiter) -> None:
        self.waiter = waiter
        self.since = time.monotonic()
        self.has_begun = False
        self.is_left = False  # its request has ended


class AddressQueue:
    """Waiting jobs by address. Slots go to the addresses in rotation."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, deque[WaitingJob]] = OrderedDict()
        self._counter = AddressCounter()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def has_space(self, address: str) -> bool:
        return self._count < MAX_WAITING_HASHES and (
            not address or self._counter.has_room(address, MAX_JOBS_OF_ADDRESS)
        )

    def append(self, address: str, job: WaitingJob) -> None:
        self._jobs.setdefault(address, deque()).append(job)
        self._counter.add(address)
        self._count += 1

    def pop(self) -> WaitingJob:
        """Remove and return the first job of the next address. That address moves to the end."""
        address, jobs = self._jobs.popitem(last=False)
        job = jobs.popleft()
        if jobs:
            self._jobs[address] = jobs
        self._counter.remove(address)
        self._count -= 1
        return job


class HashQueue:
    """Runs up to HASH_SLOTS jobs at a time. Familiar clients come first, but after MAX_FAMILIAR_IN_A_ROW of their jobs,
    the next slot goes to an unfamiliar client.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._familiar, self._others = AddressQueue(), AddressQueue()
        self._running = self._in_a_row = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """The number of waiting jobs."""
        return len(self._familiar) + len(self._others)

    def require_space(self, client: PasswordClient) -> None:
        """Raises TooBusy if this client's job would have to wait and the queue is full."""
        if self._running >= HASH_SLOTS and not self._line(client).has_space(client.address):
            raise TooBusy

    @contextmanager
    def slot(self, client: PasswordClient) -> Iterator[None]:
        """Wait for a slot, and hold it during the context. Raises TooBusy after at most HASH_PATIENCE_S."""
        waiting = self._enter(client)
        try:
            if waiting is not None:
                waiting.waiter.wait()
                if not waiting.has_begun:
                    raise TooBusy
            yield
        finally:
            self._leave(waiting)

    def _line(self, client: PasswordClient) -> AddressQueue:
        return self._familiar if client.is_familiar else self._others

    def _enter(self, client: PasswordClient) -> WaitingJob | None:
        """Take a free slot and return None, or queue the job."""
        with self._lock:
            self.require_space(client)
            if self._running < HASH_SLOTS:
                self._running += 1
                return None
            job = WaitingJob(self._runtime.waiter())
            self._line(client).append(client.address, job)
            return job

    def _leave(self, job: WaitingJob | None) -> None:
        woken: list[WaitingJob] = []
        with self._lock:
            if job is None or job.has_begun:
                self._running -= 1
                woken = self._begin_next()
            else:
                job.is_left = True
        for job in woken:
            self._runtime.soon(job.waiter.wake)

    def _begin_next(self) -> list[WaitingJob]:
        """Give free slots to waiting jobs. Returns the jobs to wake: those that got a slot, and those that have waited
        too long.
        """
        woken: list[WaitingJob] = []
        while len(self) and self._running < HASH_SLOTS:
            is_familiar = bool(len(self._familiar)) and (
                self._in_a_row < MAX_FAMILIAR_IN_A_ROW or not len(self._others)
            )
            job = (self._familiar if is_familiar else self._others).pop()
            if job.is_left:
                continue
            woken.append(job)
            if time.monotonic() - job.since < HASH_PATIENCE_S:
                job.has_begun = True
                self._running += 1
                self._in_a_row = self._in_a_row + 1 if is_familiar else 0
        return woken
