"""Faults of the loader and of what it forks: every worker is replaced, and none is lost track of."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil
import pytest
from support.faults.failing_loaders import (
    MIDDLE_BORN,
    SERVE,
    WORKER_BORN,
    WORKER_FORKED,
    LoadingServer,
    failing,
    held_forks,
)
from support.programs.processes import children, is_gone, wait_until
from support.servers.server import START_S

insurance = pytest.mark.long(
    proved_by="server/process/test_loader.py::test_kill_9_of_worker_and_loader_at_once_is_mended"
)

PLACES = 2

IMPATIENT = f"""
from koyjabo.server.process import parent
assert parent.LOADING_S
parent.LOADING_S = 20
{SERVE}
"""
PATIENT = IMPATIENT.replace("= 20", "= 3600")
"""A parent that never gives up, so that tests notice when it misses the end of a process."""

NO_ADOPTION = f"""
from koyjabo.server.process import parent
parent.adopt_orphans = lambda: False
{SERVE}
"""


@pytest.fixture
def new_loading(sqlite_database, tmp_path, redis) -> Iterator[Callable[..., LoadingServer]]:
    """Start a script with two workers, and wait until it is complete."""
    made: list[LoadingServer] = []

    def start(script: str, **settings: object) -> LoadingServer:
        server = LoadingServer(sqlite_database, tmp_path, script, PLACES, REDIS_URL=redis.url, **settings)
        made.append(server)
        server.has_loader = script is not NO_ADOPTION
        server.start().wait_until_complete()
        return server

    yield start
    for server in made:
        server.kill()


@pytest.fixture(scope="module")
def server(module_sqlite_database, tmp_path_factory, redis) -> Iterator[LoadingServer]:
    """A server that tests leave with all its workers."""
    folder = tmp_path_factory.mktemp("held")
    server = LoadingServer(module_sqlite_database, folder, held_forks(folder, PATIENT), PLACES, REDIS_URL=redis.url)
    server.start().wait_until_complete()
    yield server
    server.kill()


def assert_mended(server: LoadingServer) -> None:
    """Assert that all workers are there, and that each is replaced when it dies."""
    server.wait_until_complete()
    died = server.log.count("worker_died")

    def have_died() -> bool:
        """Kill repeatedly: the first victim may be a worker that came too late and has no place."""
        if server.log.count("worker_died") >= died + PLACES:
            return True
        for worker in server.workers():
            with suppress(psutil.NoSuchProcess):
                worker.kill()
        return False

    wait_until(have_died, "all were known", START_S, every_s=2)
    server.wait_until_complete()
    wait_until(lambda: len(children(server.pid)) == PLACES + 1, "there is no other process")


def test_place_survives_kill_9_of_the_process_that_forks_its_worker(server):
    """The process is killed before and after it has forked the worker."""
    failed = server.log.count("fork_failed")
    with server.held(WORKER_FORKED):
        with server.held(MIDDLE_BORN):
            server.kill_worker()
            server.middle().kill()
            wait_until(lambda: server.log.count("fork_failed") > failed, "there is no worker yet", START_S)
        server.middle(has_forked=True).kill()
    assert_mended(server)


@insurance
def test_killing_the_loader_or_a_worker_during_a_fork_loses_no_worker(server):
    with server.held(MIDDLE_BORN):
        server.kill_worker()
        server.middle()
        server.seconds_without_loader()
    assert_mended(server)
    with server.held(WORKER_FORKED, WORKER_BORN):
        server.kill_worker()
        (worker,) = children(server.middle(has_forked=True).pid)
        worker.kill()
    assert_mended(server)


@insurance
def test_loader_that_hangs_is_replaced(new_loading):
    server = new_loading(IMPATIENT)
    loader = server.loader()
    loader.suspend()
    server.kill_worker()
    wait_until(lambda: f"loader_died pid={loader.pid} status=-9" in server.log, "it is ended", START_S)
    assert_mended(server)


@insurance
def test_place_survives_a_process_that_hangs_while_it_forks_the_worker(new_loading, tmp_path):
    """If the process resumes later, its place is taken, and its worker ends."""
    server = new_loading(held_forks(tmp_path, IMPATIENT))
    middle = server.frozen_middle()
    wait_until(lambda: "fork_failed cause='it takes too long'" in server.log, "it is given up", START_S)
    wait_until(lambda: server.count_listening() == PLACES, "there is another worker", START_S)
    middle.resume()
    wait_until(lambda: is_gone(middle), "it has forked the worker", START_S)
    assert_mended(server)
    assert "Traceback" not in server.log


@insurance
def test_failed_forks_are_logged_once_a_second(new_loading, tmp_path):
    flag = tmp_path / "flag"
    server = new_loading(failing(flag, "os:fork", "OSError(errno.EAGAIN, 'Try again')"))
    flag.touch()
    began = time.monotonic()
    for worker in server.workers():
        worker.kill()
    wait_until(lambda: server.log.count("fork_failed cause='Try again'") >= 3, "it tries again and again", START_S)
    flag.unlink()
    assert server.log.count("fork_failed") <= time.monotonic() - began + 1
    server.wait_until_complete()


def test_loader_that_fails_is_reported_in_a_line_of_the_log(new_loading, tmp_path):
    flag = tmp_path / "flag"
    server = new_loading(failing(flag, "koyjabo.server.process.loading:patch", "RuntimeError('no')"), LOG_FORMAT="json")
    flag.touch()
    server.loader().kill()
    wait_until(lambda: server.log.count("loader_died") >= 2, "the next one fails", START_S)
    flag.unlink()
    lines = [json.loads(line) for line in server.log.splitlines() if "is serving on" not in line]
    assert any(line["event"] == "loader_failed" and "RuntimeError: no" in line["exception"] for line in lines)
    wait_until(lambda: [loader for loader in server.loaders() if loader.is_running()], "there is another one", START_S)


@insurance
def test_workers_load_for_themselves_where_the_system_gives_orphans_to_process_1(new_loading):
    server = new_loading(NO_ADOPTION)
    server.kill_worker()
    server.wait_until_complete()
    assert server.register("ayesha").ordinal == 1
    assert server.stop().status == 0
