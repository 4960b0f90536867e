"""Passwords are kept as Argon2id hashes: slow to make on purpose, so never on the event loop."""

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
"""RFC 9106's second choice: 64 MB and 0.1 s. A hash with other parameters is made anew at its owner's next login."""

MOST_WAITING = 50
"""More could not be done before their callers give up."""

PATIENCE_S, LIMIT_S = 15.0, 20.0

Result = TypeVar("Result")


class Passwords:
    """One real thread that hashes, one password after the other: two at once would only take twice the memory.

    Raises TooBusy when too many wait already.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._group: BatchWorker[Callable[[], Any], Any] = BatchWorker(
            runtime, _work, PATIENCE_S, LIMIT_S, most=1, most_waiting=MOST_WAITING
        )

    def hash(self, password: str) -> str:
        return self._do(partial(hash_now, password))

    def matches(self, password: str, kept: str | None) -> bool:
        """Whether `kept` is a hash of `password`. Takes as long when there is none to compare with."""
        return self._do(partial(_matches, password, kept or _nobodys()))

    def close(self) -> None:
        self._group.close()

    def _do(self, job: Callable[[], Result]) -> Result:
        try:
            result: Result = self._group.do(job)
        except LedgerUnavailable:
            raise TooBusy from None
        return result


def hash_now(password: str) -> str:
    """Where waiting does no harm: before there is a server."""
    return HASHER.hash(_composed(password))


def is_outdated(kept: str) -> bool:
    """True for a hash with other parameters than those of today."""
    return HASHER.check_needs_rehash(kept)


def _matches(password: str, kept: str) -> bool:
    try:
        return HASHER.verify(kept, _composed(password))
    except (VerifyMismatchError, InvalidHashError):
        return False
    except VerificationError:  # it takes 64 MB, and they were not to be had
        raise TooBusy from None


def _composed(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _nobodys() -> str:
    """A hash of no password, with the parameters of today, that takes as long to compare as any other."""
    salt, digest = (base64.b64encode(bytes(length)).rstrip(b"=").decode() for length in (16, 32))
    costs = f"m={HASHER.memory_cost},t={HASHER.time_cost},p={HASHER.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


def _work(take: Callable[[], list[Job[Callable[[], Any], Any]]]) -> None:
    for job in take():
        job.result = job.item()
