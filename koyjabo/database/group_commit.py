"""Commits all jobs of a batch worker in one transaction, and one by one where one of them cannot be stored."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from koyjabo.core.errors import LedgerUnavailable
from koyjabo.database.batch_worker import Job

Item = TypeVar("Item")
Result = TypeVar("Result")


class BatchStore(Protocol[Item, Result]):
    """The writing operations on one database, called by one real thread.

    `commit` writes a batch in one transaction, and nothing after an error. It raises one of `unavailable` when the
    database cannot be reached or is locked; any other error is caused by one item.
    """

    unavailable: tuple[type[Exception], ...]

    def writing(self) -> AbstractContextManager[object]:
        """Hold what all writers of the database queue for."""

    def commit(self, batch: list[Item]) -> list[Result]: ...


def commit_jobs(store: BatchStore[Item, Result], take: Callable[[], list[Job[Item, Result]]]) -> None:
    """The `work` of a BatchWorker. Jobs that are not committed get LedgerUnavailable as their error."""
    try:
        with store.writing():
            jobs = take()
            if jobs:
                _commit_together(store, jobs)
    except OSError as error:  # the file lock could not be acquired
        for job in take():
            if job.result is None:
                job.error = LedgerUnavailable.because(error)


def _commit_together(store: BatchStore[Item, Result], jobs: list[Job[Item, Result]]) -> None:
    try:
        results = store.commit([job.item for job in jobs])
    except Exception as error:
        if len(jobs) == 1 or isinstance(error, store.unavailable):
            for job in jobs:
                job.error = LedgerUnavailable.because(error)
        else:  # one item caused it: retry one by one, so that it fails alone
            for job in jobs:
                _commit_together(store, [job])
    else:
        for job, result in zip(jobs, results, strict=True):
            job.result = result
