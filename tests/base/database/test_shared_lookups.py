"""Requests that arrive during a lookup share the next lookup."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until

from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.database.batch_worker import SharedLookups

OTHERS = 20


def test_requests_share_the_lookup_after_the_running_one():
    may_answer, sizes = threading.Event(), []

    def answer(jobs) -> None:
        sizes.append(len(jobs))
        assert may_answer.wait(PATIENCE_S)
        for job in jobs:
            if job.item == 13:
                raise ValueError("unlucky")
            job.result = job.item * 2

    lookups = SharedLookups(ThreadRuntime(), answer)
    with ThreadPoolExecutor(OTHERS + 1) as clients:
        first = clients.submit(lookups.ask, 100)
        wait_until(lambda: sizes == [1], "it is being answered")
        others = [clients.submit(lookups.ask, number) for number in range(OTHERS)]
        wait_until(lambda: len(lookups._pending) == OTHERS, "the others have come")
        may_answer.set()
        assert first.result(PATIENCE_S) == 200
        for other in others:
            with pytest.raises(ValueError, match="unlucky"):
                other.result(PATIENCE_S)
    assert sizes == [1, OTHERS]
    assert lookups.ask(1) == 2, "it goes on after an error"
