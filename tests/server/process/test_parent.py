"""The parent process: started by a shell with child processes, signalled at any moment, left without a log."""

import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import IO, Any

import psutil
import pytest
from support.clients.connection import Connection
from support.databases.database import SqliteDatabase
from support.faults.failing_programs import PATIENT, written
from support.programs.forking import Program, start_anew
from support.programs.processes import assert_none_is_left, environment, wait_until
from support.servers.server import SERVING, START_S, Server

from koyjabo.server.process.start import announcement

FILES = 90
UNREAD_LOG_WITH_FEW_FILES_AND_A_CHILD = f"""
ulimit -n {FILES}
sleep 0.5 &
exec "$0" wsgi.py > >(sed -u "/is serving/q") 2>&1
"""
"""The log's reader ends after the line with the address. The server has a child that it did not start."""

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
def test_a_server_without_free_files_lets_new_connections_wait_even_if_its_log_is_gone(shell_server):
    shell_server.script = UNREAD_LOG_WITH_FEW_FILES_AND_A_CHILD
    shell_server.launch().wait_until_serving()
    wait_until(lambda: len(shell_server.workers()) == 1, "the child and the reader are gone")
    workers = shell_server.worker_pids()
    with ExitStack() as stack:
        for _ in range(FILES + 30):
            stack.enter_context(Connection(shell_server.port))
        assert shell_server.get("/healthz").ok  # arrived after them
    assert shell_server.register("ayesha").ordinal == 1
    assert shell_server.worker_pids() == workers
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


def test_the_log_of_a_development_server_links_to_the_panel_first_and_then_to_the_home_page():
    panel, page = announcement("http://localhost:8000", is_development=True).splitlines()
    assert "http://localhost:8000/admin" in panel
    assert "http://localhost:8000 " in page
    assert SERVING.match(panel)[1] == "8000"
    (line,) = announcement("http://localhost:8000", is_development=False).splitlines()
    assert SERVING.match(line)[1] == "8000"
    assert "/admin" not in line
