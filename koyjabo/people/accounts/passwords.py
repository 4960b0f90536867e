"""Hashes and verifies passwords with Argon2id. It is slow by design, so it never runs on the event loop, and client
addresses queue for it fairly (decision 52).
"""

import base64
import threading
import time
import unicodedata
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from koyjabo.base.core.errors import LedgerUnavailable, TooBusy
from koyjabo.base.core.runtime import Runtime, Waiter, without_queueing
from koyjabo.base.database.batch_worker import BatchWorker, Job
from koyjabo.base.network.client_address import AddressCounter

SLOTS = 2
"""Number of slots: one job is being hashed, and the next is ready to follow."""

MAX_PER_ADDRESS = 3
"""Maximum number of waiting jobs per address. 60 addresses can have 180 jobs in total."""

MAX_WAITING = 400
"""Maximum number of waiting jobs, in each of the two queues: enough for 133 addresses with MAX_PER_ADDRESS jobs
each.
"""

PATIENCE_S = 15.0
"""How long a job waits for a slot, and again for the thread that hashes, s."""

LIMIT_S = 20.0
"""How long hashing itself may take, s."""

FAMILIAR_IN_A_ROW = 3
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

    def has_room(self, address: str) -> bool:
        return self._count < MAX_WAITING and (not address or self._counter.has_room(address, MAX_PER_ADDRESS))

    def append(self, address: str, turn: WaitingJob) -> None:
        self._jobs.setdefault(address, deque()).append(turn)
        self._counter.add(address)
        self._count += 1

    def pop(self) -> WaitingJob:
        """Remove and return the first job of the next address. That address moves to the end."""
        address, jobs = self._jobs.popitem(last=False)
        turn = jobs.popleft()
        if jobs:
            self._jobs[address] = jobs
        self._counter.remove(address)
        self._count -= 1
        return turn


class HashQueue:
    """Runs up to SLOTS jobs at a time. Familiar clients come first, but after FAMILIAR_IN_A_ROW of their jobs, the next
    slot goes to an unfamiliar client.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._familiar, self._others = AddressQueue(), AddressQueue()
        self._running = self._in_a_row = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """The number of waiting jobs."""
        return len(self._familiar) + len(self._others)

    def require_room(self, client: PasswordClient) -> None:
        """Raises TooBusy if this client's job would have to wait and the queue is full."""
        if self._running >= SLOTS and not self._line(client).has_room(client.address):
            raise TooBusy

    @contextmanager
    def turn(self, client: PasswordClient) -> Iterator[None]:
        """Wait for a slot, and hold it during the context. Raises TooBusy after at most PATIENCE_S."""
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
            self.require_room(client)
            if self._running < SLOTS:
                self._running += 1
                return None
            turn = WaitingJob(self._runtime.waiter())
            self._line(client).append(client.address, turn)
            return turn

    def _leave(self, turn: WaitingJob | None) -> None:
        woken: list[WaitingJob] = []
        with self._lock:
            if turn is None or turn.has_begun:
                self._running -= 1
                woken = self._begin_next()
            else:
                turn.is_left = True
        for woken_turn in woken:
            self._runtime.soon(woken_turn.waiter.wake)

    def _begin_next(self) -> list[WaitingJob]:
        """Give free slots to waiting jobs. Returns the jobs to wake: those that got a slot, and those that have waited
        too long.
        """
        woken: list[WaitingJob] = []
        while len(self) and self._running < SLOTS:
            is_familiar = bool(len(self._familiar)) and (self._in_a_row < FAMILIAR_IN_A_ROW or not len(self._others))
            turn = (self._familiar if is_familiar else self._others).pop()
            if turn.is_left:
                continue
            woken.append(turn)
            if time.monotonic() - turn.since < PATIENCE_S:
                turn.has_begun = True
                self._running += 1
                self._in_a_row = self._in_a_row + 1 if is_familiar else 0
        return woken


HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP's minimum of 19 MiB. It needs an eighth of the CPU of RFC 9106's 64 MiB, so the server survives a flood of
logins (decision 52). Hashes with other parameters are replaced at the next login.
"""

UNUSABLE = "!"
"""Prefix of unusable hashes. The prefix by itself is the hash of users of other systems, who have no account."""

Result = TypeVar("Result")


class Passwords:
    """Hashes passwords on one OS thread, one at a time, in the order of HashQueue.

    Raises TooBusy if too many are already waiting.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._queue = HashQueue(runtime)
        self._group: BatchWorker[Callable[[], Any], Any] = BatchWorker(runtime, _work, PATIENCE_S, LIMIT_S, most=1)

    def hash(self, password: str, client: PasswordClient = OPERATOR_CLIENT) -> str:
        return self._do(partial(hash_now, password), client)

    def matches(self, password: str, hashed: str | None, client: PasswordClient = OPERATOR_CLIENT) -> bool:
        """Whether `hashed` is a hash of `password`. Takes equally long for None and for an `unusable` hash, which match
        no password.
        """
        stored = hashed if hashed and is_usable(hashed) else _placeholder_hash()
        return self._do(partial(_matches, password, stored), client)

    def require_room(self, client: PasswordClient) -> None:
        self._queue.require_room(client)

    def close(self) -> None:
        self._group.close()

    def _do(self, job: Callable[[], Result], client: PasswordClient) -> Result:
        with without_queueing(), self._queue.turn(client):
            try:
                result: Result = self._group.do(job)
            except LedgerUnavailable:
                raise TooBusy from None
        return result


def hash_now(password: str) -> str:
    """Hash on the calling thread, blocking it. Use this only during startup."""
    return HASHER.hash(_composed(password))


def is_usable(hashed: str) -> bool:
    """Whether a password exists that matches this hash."""
    return not hashed.startswith(UNUSABLE)


def is_outdated(hashed: str) -> bool:
    """Whether a hash has different parameters from HASHER."""
    return HASHER.check_needs_rehash(hashed)


def _matches(password: str, hashed: str) -> bool:
    try:
        return HASHER.verify(hashed, _composed(password))
    except (VerifyMismatchError, InvalidHashError):
        return False
    except VerificationError:  # the memory could not be allocated
        raise TooBusy from None


def _composed(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _placeholder_hash() -> str:
    """A hash that matches no password. It has the current parameters, so comparing a password with it takes the usual
    time.
    """
    salt, digest = (base64.b64encode(bytes(length)).rstrip(b"=").decode() for length in (16, 32))
    costs = f"m={HASHER.memory_cost},t={HASHER.time_cost},p={HASHER.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


def _work(take: Callable[[], list[Job[Callable[[], Any], Any]]]) -> None:
    for job in take():
        job.result = job.item()
