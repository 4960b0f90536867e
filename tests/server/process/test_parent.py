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

pytestmark = pytest.mark.honest_start

ANY_REDIS = "redis://127.0.0.1:1/0"
FILES = 90
UNREAD_LOG = 'exec "$0" wsgi.py > >(sed -u "/is serving/q") 2>&1'
"""The log's reader closes after the line that announces the address."""

SLOW_BIRTH = f"""
import os, time
os.register_at_fork(after_in_child=lambda: time.sleep(0.3), after_in_parent=lambda: time.sleep(0.1))
{PATIENT}
"""


class ShellServer(Server):
    """A server that `script` starts in a shell. "$0" is Python."""

    def launch_by(self, script: str) -> Server:
        self._script = script
        return self.launch()

    def _start(self, *files: IO[Any]) -> Program:
        return start_anew(["bash", "-c", self._script, sys.executable], environment(**self.settings), files)


@pytest.fixture
def shell_server(sqlite_database, tmp_path):
    server = ShellServer(sqlite_database, tmp_path)
    yield server
    server.kill()


@pytest.fixture(scope="module")
def narrow_server(module_sqlite_database, tmp_path_factory):
    """A server with few descriptors and a child that it did not start."""
    server = ShellServer(module_sqlite_database, tmp_path_factory.mktemp("server"))
    server.launch_by(f'ulimit -n {FILES}; sleep 0.5 & exec "$0" wsgi.py').wait_until_serving()
    wait_until(lambda: len(server.workers()) == 1, "only the worker is left")
    yield server
    status = server.stop().status
    assert (status, "Traceback" in server.log) == (0, False), server.log


def test_end_of_a_child_that_is_no_worker_changes_nothing(narrow_server):
    narrow_server.register("ayesha")
    assert "worker_died" not in narrow_server.log


def test_more_connections_than_files_wait_and_disturb_no_others(narrow_server):
    workers = narrow_server.worker_pids()
    with ExitStack() as stack:
        for _ in range(FILES + 30):
            stack.enter_context(Connection(narrow_server.port))
        assert narrow_server.get("/healthz").ok  # arrived after them
    narrow_server.register("ayesha")
    assert narrow_server.worker_pids() == workers
    assert narrow_server.log.count("max_connections") == 1


def test_log_without_a_reader_does_not_stop_it_or_change_its_exit_status(shell_server):
    shell_server.launch_by(UNREAD_LOG).wait_until_serving()
    wait_until(lambda: len(shell_server.workers()) == 1, "the reader is gone")
    killed = shell_server.kill_worker()
    wait_until(lambda: shell_server.worker_pids() - {killed}, "there is another worker")
    assert shell_server.register("ayesha").ordinal == 1
    assert shell_server.stop().status == 0


MOMENTS: dict[str, Callable[[psutil.Process, Server], object]] = {
    "it has a child, which it has after it listens to signals": lambda parent, _: parent.children(),
    "the child has made the database": lambda _, server: server.database.path.exists(),
    "a worker serves": lambda _, server: "is serving" in server.log,
}


def test_signal_at_any_moment_of_the_start_ends_it_cleanly(tmp_path, new_server):
    """SIGTERM and Ctrl+C end a server as soon as it can handle them. It could take an hour to drain."""
    cases = list(zip(MOMENTS, (signal.SIGTERM, signal.SIGINT, signal.SIGTERM), strict=True))
    create = (SqliteDatabase.migrated, SqliteDatabase, SqliteDatabase.migrated)  # only the second one migrates
    servers = [new_server(new(tmp_path / f"{number}.db")) for number, new in enumerate(create)]

    program = written(tmp_path, PATIENT)  # written once, because a server would read a half-written file

    def leave_at(server: Server, moment: str, how: signal.Signals) -> None:
        server.program = program
        parent = psutil.Process(server.launch().pid)
        wait_until(lambda: MOMENTS[moment](parent, server), moment, START_S, every_s=0.002)
        left = server.stop(how, group=how == signal.SIGINT)
        assert left.status == 0, (moment, how, server.log)
        assert "Traceback" not in server.log, (moment, how, server.log)
        assert_none_is_left(parent.pid)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda server, case: leave_at(server, *case), servers, cases))


def test_sigterm_while_workers_are_born_leaves_none(shell_server, tmp_path):
    """A worker that was just forked still has its parent's handlers, and would ignore a signal."""
    shell_server.settings |= {"WEB_CONCURRENCY": 3, "REDIS_URL": ANY_REDIS}
    parent = shell_server.launch_by(f'exec "$0" {written(tmp_path, SLOW_BIRTH)[0]}').pid
    wait_until(shell_server.workers, "the first worker", every_s=0.001)
    assert shell_server.stop().status == 0
    assert_none_is_left(parent)
    assert "Traceback" not in shell_server.log


def test_development_leads_to_the_panel_before_the_page_that_counts():
    panel, page = announcement("http://localhost:8000", is_development=True).splitlines()
    assert "http://localhost:8000/admin" in panel
    assert "http://localhost:8000 " in page
    assert "counted" in page
    assert SERVING.match(panel)[1] == "8000"
    (line,) = announcement("http://localhost:8000", is_development=False).splitlines()
    assert SERVING.match(line)[1] == "8000"
    assert "/admin" not in line
