"""Hashes and verifies passwords with Argon2id. It is slow on purpose, so it never runs on the event loop."""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from koyjabo.database.batch_worker import BatchWorker, Job
from koyjabo.errors import LedgerUnavailable, TooBusy
from koyjabo.runtime import Runtime

HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)
"""The second recommended option of RFC 9106: 64 MB and 0.1 s. Hashes with other parameters are replaced at the next
login.
"""

MOST_WAITING = 50
"""More than these could not be served before their callers time out."""

PATIENCE_S, LIMIT_S = 15.0, 20.0

Result = TypeVar("Result")


class Passwords:
    """Hashes on one OS thread, one password at a time: two at once would only need twice the memory.

    Raises TooBusy if MOST_WAITING are waiting already.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._group: BatchWorker[Callable[[], Any], Any] = BatchWorker(
            runtime, _work, PATIENCE_S, LIMIT_S, most=1, most_waiting=MOST_WAITING
        )

    def hash(self, password: str) -> str:
        return self._do(partial(hash_now, password))

    def matches(self, password: str, hashed: str | None) -> bool:
        """Whether `hashed` is a hash of `password`. Takes the same time for None, which matches no password."""
        return self._do(partial(_matches, password, hashed or _placeholder_hash()))

    def close(self) -> None:
        self._group.close()

    def _do(self, job: Callable[[], Result]) -> Result:
        try:
            result: Result = self._group.do(job)
        except LedgerUnavailable:
            raise TooBusy from None
        return result


def hash_now(password: str) -> str:
    """Hash on the calling thread, which blocks it: only for start-up."""
    return HASHER.hash(_composed(password))


def is_outdated(hashed: str) -> bool:
    """Whether a hash has other parameters than HASHER."""
    return HASHER.check_needs_rehash(hashed)


def _matches(password: str, hashed: str) -> bool:
    try:
        return HASHER.verify(hashed, _composed(password))
    except (VerifyMismatchError, InvalidHashError):
        return False
    except VerificationError:  # the 64 MB could not be allocated
        raise TooBusy from None


def _composed(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _placeholder_hash() -> str:
    """A hash that no password matches, with the current parameters, so that it takes the normal time to compare."""
    salt, digest = (base64.b64encode(bytes(length)).rstrip(b"=").decode() for length in (16, 32))
    costs = f"m={HASHER.memory_cost},t={HASHER.time_cost},p={HASHER.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


def _work(take: Callable[[], list[Job[Callable[[], Any], Any]]]) -> None:
    for job in take():
        job.result = job.item()
