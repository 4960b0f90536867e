"""Hashes and verifies passwords with Argon2id. It is slow by design, so it never runs on the event loop, and client
addresses queue for it fairly (decision 52).
"""

import base64
import unicodedata
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from koyjabo.base.core.errors import LedgerUnavailable, TooBusy
from koyjabo.base.core.runtime import Runtime, without_queueing
from koyjabo.base.database.batch_worker import BatchWorker, Job
from .hash_queue import HASH_PATIENCE_S, OPERATOR_CLIENT, HashQueue, PasswordClient

HASH_LIMIT_S = 20.0
"""How long hashing itself may take, s."""


HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP's minimum of 19 MiB. It needs an eighth of the CPU of RFC 9106's 64 MiB, so the server survives a flood of
logins (decision 52). Hashes with other parameters are replaced at the next login.
"""

UNUSABLE_PREFIX = "!"
"""Prefix of unusable hashes. The prefix by itself is the hash of users of other systems, who have no account."""

Result = TypeVar("Result")


class Passwords:
    """Hashes passwords on one OS thread, one at a time, in the order of HashQueue.

    Raises TooBusy if too many are already waiting.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._queue = HashQueue(runtime)
        self._group: BatchWorker[Callable[[], Any], Any] = BatchWorker(
            runtime, _work, HASH_PATIENCE_S, HASH_LIMIT_S, most=1
        )

    def hash(self, password: str, client: PasswordClient = OPERATOR_CLIENT) -> str:
        return self._do(partial(hash_now, password), client)

    def matches(self, password: str, hashed: str | None, client: PasswordClient = OPERATOR_CLIENT) -> bool:
        """Whether `hashed` is a hash of `password`. Takes equally long for None and for an `unusable` hash, which match
        no password.
        """
        stored = hashed if hashed and is_usable(hashed) else _placeholder_hash()
        return self._do(partial(_matches, password, stored), client)

    def require_space(self, client: PasswordClient) -> None:
        self._queue.require_space(client)

    def close(self) -> None:
        self._group.close()

    def _do(self, job: Callable[[], Result], client: PasswordClient) -> Result:
        with without_queueing(), self._queue.slot(client):
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
    return not hashed.startswith(UNUSABLE_PREFIX)


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
