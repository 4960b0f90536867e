"""A job's process, as seen by its worker."""

from __future__ import annotations

import signal
from typing import NamedTuple

from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.jobs.child_process import ChildProcess

SLEEPS = ["timeit", "-n", "1", "-r", "1", "__import__('time').sleep(60)"]


class Told(NamedTuple):
    error: str = ""


def test_process_is_stopped_when_its_job_is_not_the_workers_any_more():
    process = ChildProcess(ThreadRuntime(), SLEEPS, {})
    assert process.follow(Told, lambda report: not process._pid, process.kill) == Told()
    assert process.status == -signal.SIGKILL
