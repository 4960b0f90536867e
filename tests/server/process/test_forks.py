"""The parent has loaded the application. Workers are its forks, and share only its memory and the listening socket."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import psutil
from support.faults.failing_programs import SERVE, failing, written
from support.programs.processes import is_gone, wait_until
from support.servers.server import START_S, Server

from koyjabo.server.process import parent


def test_failed_forks_are_logged_once_a_second(sqlite_database, new_server, redis, tmp_path):
    flag = tmp_path / "flag"
    server = new_server(sqlite_database, WEB_CONCURRENCY=2, REDIS_URL=redis.url)
    server.program = written(tmp_path, failing(flag, "os:fork", "OSError(errno.EAGAIN, 'Try again')"))
    server.start()
    flag.touch()
    began = time.monotonic()
    for worker in server.workers():
        worker.kill()
    wait_until(lambda: server.log.count("fork_failed cause='Try again'") >= 2, "it tries again", START_S)
    flag.unlink()
    assert server.log.count("fork_failed") <= time.monotonic() - began + 1
    wait_until(lambda: len(server.workers()) == 2, "both are replaced", START_S)


def freed(server: Server) -> Server:
    """Start a server with one worker, and wait until its parent has executed its program again."""
    server.start()
    arguments = psutil.Process(server.pid).cmdline
    program = server.program[0] if len(server.program[0]) > len("wsgi.py") else parent.PROGRAM
    wait_until(lambda: arguments() == [sys.executable, program], "the parent has executed its program again")
    return server


def test_parent_of_one_worker_frees_its_memory_and_goes_on(sqlite_database, new_server):
    server = freed(new_server(sqlite_database))
    process, (worker,) = psutil.Process(server.pid), server.workers()
    assert process.memory_info().rss < worker.memory_info().rss / 3
    killed = server.kill_worker()
    assert server.register("ayesha").ordinal == 1
    assert f"worker_died pid={killed} status=-9" in server.log
    assert server.stop().status == 0


def test_only_worker_leaves_when_its_parent_is_killed(sqlite_database, new_server):
    """Also if the parent has executed its program again."""
    server = freed(new_server(sqlite_database))
    workers = server.workers()
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: all(map(is_gone, workers)), "it is gone", START_S)


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


def test_signal_is_not_lost_while_the_parent_executes_its_program(sqlite_database, new_server, tmp_path):
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


SIGNALLED_BEFORE = f"""
import os, signal
set_mask = signal.pthread_sigmask

def set_mask_after_a_signal(*arguments):
    os.kill(os.getpid(), signal.SIGTERM)
    return set_mask(*arguments)

signal.pthread_sigmask = set_mask_after_a_signal
{SERVE}
"""


def test_signal_just_before_the_parent_executes_its_program_stops_the_server(sqlite_database, new_server, tmp_path):
    server = new_server(sqlite_database)
    server.program = written(tmp_path, SIGNALLED_BEFORE.replace("parent.PROGRAM = __file__", ""))
    assert server.launch().wait().status == 0


def with_worker(folder: Path, body: str) -> tuple[str, ...]:
    """A program whose worker runs `body` in place of `serve(listener, parent, writer, …)`. The path `note` is in
    `folder`.
    """
    return written(
        folder,
        f"""
import os, signal
from pathlib import Path
from koyjabo.server.process import parent
note = Path({str(folder / "note")!r})
leave_signals = parent.leave_signals_to_the_parent

def begin_as_worker():
    leave_signals()
    from koyjabo.server.process import worker
    serve = worker.work

    def work(listener, parent, writer, *others):
{body}
    worker.work = work

parent.leave_signals_to_the_parent = begin_as_worker
{SERVE}
""",
    )


DIES_ONCE_READY = """
        if note.exists():
            return serve(listener, parent, writer, *others)
        os.kill(parent, signal.SIGSTOP)
        while Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            pass
        os.write(writer, b"ready")
        note.write_text(str(os.getpid()))
        return 3
"""
"""The parent is frozen, so that it reads the report when the worker has already ended."""


def test_only_worker_that_dies_once_it_is_ready_is_replaced(sqlite_database, new_server, tmp_path):
    server, note = new_server(sqlite_database), tmp_path / "note"
    server.program = with_worker(tmp_path, DIES_ONCE_READY)
    server.launch()
    pid = wait_until(lambda: note.exists() and note.read_text(), "the worker has reported", START_S)
    wait_until(lambda: is_gone(psutil.Process(int(pid))), "it has ended")
    psutil.Process(server.pid).resume()
    assert server.wait_until_serving().register("ayesha").ordinal == 1
    assert f"worker_died pid={pid} status=3" in server.log


REPORTS_LATE = """
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        os.kill(parent, signal.SIGTERM)
        signal.sigwait([signal.SIGTERM])
        os.write(writer, b"ready")
        note.write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGSTOP)
"""
"""The parent is stopping when it passes the signal on."""


def test_stopping_parent_sleeps_although_its_worker_has_reported_late(sqlite_database, new_server, tmp_path):
    """Otherwise the unread report would end each of its waits at once."""
    server, note = new_server(sqlite_database), tmp_path / "note"
    server.program = with_worker(tmp_path, REPORTS_LATE)
    server.launch()
    pid = wait_until(lambda: note.exists() and note.read_text(), "the worker has reported", START_S)
    process = psutil.Process(server.pid)
    states = (process.status() for _ in range(200))  # a parent that spins sleeps in some of them
    wait_until(lambda: {*states} == {psutil.STATUS_SLEEPING}, "the parent sleeps", every_s=0.01)
    psutil.Process(int(pid)).kill()
    assert server.wait().status == 0


def test_parent_that_cannot_execute_its_program_goes_on(sqlite_database, new_server, tmp_path):
    server = new_server(sqlite_database)
    (flag := tmp_path / "flag").touch()
    server.program = written(tmp_path, failing(flag, "os:execv", "OSError(errno.ENOENT, 'No such file')"))
    server.start()
    server.kill_worker()
    assert server.register("ayesha").ordinal == 1
    assert server.stop().status == 0


def test_worker_that_cannot_load_is_logged_and_replaced_later(sqlite_database, new_server, tmp_path):
    """A release may be incomplete while it is installed."""
    flag = tmp_path / "flag"
    server = new_server(sqlite_database, LOG_FORMAT="json")
    server.program = written(tmp_path, failing(flag, "koyjabo.server.process.loading:patch", "RuntimeError('no')"))
    freed(server)
    flag.touch()
    server.kill_worker()
    wait_until(lambda: server.log.count("worker_failed") >= 2, "it is tried again", START_S)
    flag.unlink()
    assert server.register("ayesha").ordinal == 1
    lines = [json.loads(line) for line in server.log.splitlines() if "is serving on" not in line]
    assert any(line["event"] == "worker_failed" and "RuntimeError: no" in line["exception"] for line in lines)
