"""The parent process: started by a shell with child processes, signalled at any moment, left without a log."""

import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import psutil
import pytest
import requests
from support.clients.connection import Connection
from support.clients.websocket import WebSocket
from support.databases.database import SqliteDatabase
from support.faults.failing_programs import PATIENT, SERVE, written
from support.programs.forking import Program, start_anew
from support.programs.patience import PATIENCE_S
from support.programs.ports import free_port, is_taken
from support.programs.processes import assert_none_is_left, environment, is_gone, wait_until
from support.servers.server import START_S, Server

from koyjabo.base.core.close_codes import TRY_AGAIN_LATER
from koyjabo.server.process import parent
from koyjabo.server.process.worker import RESERVED_FILES

FILES = 90
UNREAD_LOG_WITH_FEW_FILES_AND_A_CHILD = f"""
ulimit -n {FILES}
sleep 0.5 &
exec "$0" wsgi.py > >(sed -u "/is serving/q") 2>&1
"""
"""The log's reader ends after the line with the address. The server has a child that it did not start."""

WITHOUT_STREAMS = 'exec "$0" wsgi.py <&- >&-'

SLOW_BIRTH = f"""
import os, time
os.register_at_fork(after_in_child=lambda: time.sleep(0.3), after_in_parent=lambda: time.sleep(0.1))
{PATIENT}
"""


class ShellServer(Server):
    """A server that `script` starts in a shell. "$0" is Python."""

    script = ""

    def _start(self, *files: IO[Any]) -> Program:
        return start_anew(["bash", "-c", self.script, sys.executable], environment(**self.settings), files)


@pytest.fixture
def shell_server(sqlite_database, tmp_path):
    server = ShellServer(sqlite_database, tmp_path)
    yield server
    server.kill()


@pytest.mark.honest_start
def test_a_server_whose_standard_streams_were_closed_serves_and_stops(shell_server):
    shell_server.script, shell_server.port = WITHOUT_STREAMS, free_port()
    shell_server.settings["PORT"] = shell_server.port
    shell_server.launch()
    wait_until(lambda: is_taken(shell_server.port), "it listens", START_S)
    assert shell_server.register("ayesha").ordinal == 1
    assert (shell_server.stop().status, "Traceback" in shell_server.log) == (0, False)


@pytest.mark.honest_start
def test_a_server_without_free_files_lets_new_connections_wait_and_leaves_pages_half_of_the_files(shell_server):
    shell_server.script = UNREAD_LOG_WITH_FEW_FILES_AND_A_CHILD
    shell_server.launch().wait_until_serving()
    wait_until(lambda: len(shell_server.workers()) == 1, "the child and the reader are gone")
    workers = shell_server.worker_pids()
    with ExitStack() as stack:
        for _ in range(FILES + 30):
            stack.enter_context(Connection(shell_server.port))
        assert requests.get(f"{shell_server.url}/healthz", timeout=PATIENCE_S).ok  # arrived after them
    assert shell_server.register("ayesha").ordinal == 1
    assert shell_server.worker_pids() == workers
    with ExitStack() as stack:
        half = (FILES - RESERVED_FILES) // 2
        pages = [stack.enter_context(WebSocket(shell_server.port)) for _ in range(half + 1)]
        assert all(page.is_answered() for page in pages[:half])
        assert pages[half].close_frame().code == TRY_AGAIN_LATER
    assert shell_server.stop().status == 0


MOMENTS: dict[str, Callable[[psutil.Process, Server], object]] = {
    "it has a child, which it has after it listens to signals": lambda parent, _: parent.children(),
    "the child has made the database": lambda _, server: server.database.path.exists(),
}


def test_a_signal_at_any_moment_of_the_start_ends_the_server_cleanly(tmp_path, new_server):
    """SIGTERM and Ctrl+C end a server as soon as it can handle them. It could take an hour to drain."""
    program = written(tmp_path, PATIENT)  # written once, because a server would read a half-written file
    servers = [new_server(SqliteDatabase.migrated(tmp_path / "a.db")), new_server(SqliteDatabase(tmp_path / "b.db"))]

    def leave_at(server: Server, moment: str, how: signal.Signals) -> None:
        server.program = program
        parent = psutil.Process(server.launch().pid)
        wait_until(lambda: MOMENTS[moment](parent, server), moment, START_S, every_s=0.002)
        left = server.stop(how, group=how == signal.SIGINT)
        assert left.status == 0, (moment, how, server.log)
        assert "Traceback" not in server.log, (moment, how, server.log)
        assert_none_is_left(parent.pid)

    with ThreadPoolExecutor() as threads:
        list(threads.map(leave_at, servers, MOMENTS, (signal.SIGTERM, signal.SIGINT)))


def test_sigterm_while_workers_are_born_leaves_no_process(sqlite_database, new_server, tmp_path):
    """A worker that was just forked still has its parent's handlers, and would ignore a signal."""
    server = new_server(sqlite_database, WEB_CONCURRENCY=3, REDIS_URL="redis://127.0.0.1:1/0")
    server.program = written(tmp_path, SLOW_BIRTH)
    parent = server.launch().pid
    wait_until(server.workers, "the first worker", START_S, every_s=0.001)
    assert server.stop().status == 0
    assert_none_is_left(parent)
    assert "Traceback" not in server.log


@pytest.mark.honest_start
def test_the_parent_of_a_single_worker_frees_its_memory_and_replaces_a_dead_worker(sqlite_database, new_server):
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
from koyjabo.base.core.close_codes import TRY_AGAIN_LATER
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
