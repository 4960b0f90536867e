"""The parent has loaded the application. Workers are its forks, and share only its memory and the listening socket."""

import signal
import sys
from pathlib import Path

import psutil
import pytest
from support.faults.failing_programs import SERVE, written
from support.programs.processes import is_gone, wait_until
from support.servers.server import START_S

from koyjabo.server.process import parent


@pytest.mark.honest_start
def test_the_parent_of_one_worker_frees_its_memory_and_replaces_the_worker_when_it_dies(sqlite_database, new_server):
    server = new_server(sqlite_database).start()
    process, (worker,) = psutil.Process(server.pid), server.workers()
    wait_until(lambda: process.cmdline() == [sys.executable, parent.PROGRAM], "the parent has executed its program")
    assert process.memory_info().rss < worker.memory_info().rss / 3
    killed = server.kill_worker()
    assert server.register("ayesha").ordinal == 1
    assert f"worker_died pid={killed} status=-9" in server.log
    assert server.stop().status == 0


SIGNALLED = f"""
import os, signal
execute = os.execv

def execute_after_a_signal(*arguments):
    worker = os.environ["KOYJABO_PARENT"].split()[3]
    os.kill(int(worker), signal.SIGSTOP)
    with open("worker", "w") as file:
        file.write(worker)
    os.kill(os.getpid(), signal.SIGTERM)
    execute(*arguments)

os.execv = execute_after_a_signal
{SERVE}
"""


def test_a_signal_is_not_lost_while_the_parent_executes_its_program(sqlite_database, new_server, tmp_path):
    """The worker is frozen until the parent has passed the signal on, so the parent can only wait for it."""
    server, file = new_server(sqlite_database), tmp_path / "worker"
    server.program = written(tmp_path, SIGNALLED.replace('"worker"', repr(str(file))))
    server.launch()
    wait_until(lambda: file.exists() and file.read_text(), "the worker is frozen", START_S)
    worker = psutil.Process(int(file.read_text()))
    try:
        wait_until(lambda: is_signalled(worker) or not server.running, "the signal is passed on", START_S)
        assert server.running, "the parent ends after its worker"
    finally:
        worker.resume()
    assert server.wait().status == 0


def is_signalled(process: psutil.Process) -> bool:
    """Whether SIGTERM waits for the process (proc(5))."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    pending = int(status.partition("ShdPnd:")[2].split()[0], 16)
    return bool(pending & 1 << signal.SIGTERM - 1)


DIES_ONCE_READY = """
import os, signal
from pathlib import Path
from koyjabo.server.process import parent
note = Path({note!r})
leave_signals = parent.leave_signals_to_the_parent

def begin_as_worker():
    leave_signals()
    from koyjabo.server.process import worker
    serve = worker.work

    def work(listener, parent, writer, *others):
        if note.exists():
            return serve(listener, parent, writer, *others)
        os.kill(parent, signal.SIGSTOP)
        while Path(f"/proc/{{parent}}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            pass
        os.write(writer, b"ready")
        note.write_text(str(os.getpid()))
        return 3

    worker.work = work

parent.leave_signals_to_the_parent = begin_as_worker
"""
"""The parent is frozen, so that it reads the report when the worker has already ended."""


def test_a_worker_that_dies_as_soon_as_it_is_ready_is_replaced(sqlite_database, new_server, tmp_path):
    server, note = new_server(sqlite_database), tmp_path / "note"
    server.program = written(tmp_path, DIES_ONCE_READY.format(note=str(note)) + SERVE)
    server.launch()
    pid = wait_until(lambda: note.exists() and note.read_text(), "the worker has reported", START_S)
    wait_until(lambda: is_gone(psutil.Process(int(pid))), "it has ended")
    psutil.Process(server.pid).resume()
    assert server.wait_until_serving().register("ayesha").ordinal == 1
    assert f"worker_died pid={pid} status=3" in server.log
