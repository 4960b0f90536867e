"""A job's process, as seen by its worker."""

import signal

from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.jobs.child_process import ChildProcess


def test_process_is_stopped_when_another_worker_has_its_job():
    process = ChildProcess(ThreadRuntime(), ["timeit", "-n", "1", "-r", "1", "__import__('time').sleep(60)"], {})
    assert process.follow(lambda report: not process._pid, process.kill) == {"error": ""}
    assert process.status == -signal.SIGKILL
