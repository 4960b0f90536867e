"""Workers are forked from one process that has loaded the application, and share only its memory."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from itertools import combinations

import psutil
import pytest
from support.faults.failing_loaders import listens
from support.programs.processes import is_gone, suspended, wait_until
from support.servers.server import START_S

PLACES = 3
ONE_FOR_ALL = ("0", "1", "2")
"""Standard input, output and error."""


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database, redis):
    server = module_servers(module_sqlite_database, WEB_CONCURRENCY=PLACES, REDIS_URL=redis.url).start()
    wait_until(lambda: [listens(worker.pid) for worker in server.workers()] == [True] * PLACES, "all serve")
    return server


def serving(server) -> set[int]:
    """The pids of the workers that accept connections."""
    return {worker.pid for worker in server.workers() if listens(worker.pid)}


def descriptors(process: psutil.Process) -> dict[str, str]:
    """The process's open files by descriptor, without the standard streams."""
    files = {}
    for number in os.listdir(f"/proc/{process.pid}/fd"):
        with suppress(FileNotFoundError):
            files[number] = os.readlink(f"/proc/{process.pid}/fd/{number}")
    inherited = {files.get(number) for number in ONE_FOR_ALL}
    return {number: what for number, what in files.items() if what not in inherited}


def private(process: psutil.Process, of_tests: set[str]) -> set[str]:
    """Sockets, pipes and the like, which have unique numbers. A file may be opened several times."""
    return {what for what in descriptors(process).values() if what.partition(":")[2]} - of_tests


def has_loop(process: psutil.Process) -> bool:
    return "anon_inode:[eventpoll]" in descriptors(process).values()


def test_workers_share_the_listening_socket_and_no_other_descriptor(server):
    """A worker also has a private pipe to the parent."""
    of_tests = set(descriptors(psutil.Process()).values())
    (loader,) = server.loaders()
    wait_until(lambda: all(has_loop(worker) for worker in server.workers()), "each worker has its loop")
    parent, *workers = (
        private(process, of_tests) - {"anon_inode:[eventpoll]"}
        for process in (psutil.Process(server.pid), *server.workers())
    )
    (listener,) = set.intersection(*workers)
    for first, other in combinations(workers, 2):
        assert first & other == {listener}
    for worker in workers:
        assert {what.partition(":")[0] for what in (worker & parent) - {listener}} == {"pipe"}
        assert private(loader, of_tests) & worker == set()


def test_dead_worker_is_replaced_by_a_fork_also_of_the_next_loader(server):
    """Nothing is loaded again. Killing the loader with kill -9 ends no worker."""
    for kills_loader in (False, True):
        (loader,), before = server.loaders(), server.worker_pids()
        if kills_loader:
            loader.kill()
            new = wait_until(lambda old=loader: [loader for loader in server.loaders() if loader != old], "another one")
            assert f"loader_died pid={loader.pid} status=-9" in server.log
            assert server.worker_pids() == before
            (loader,) = new
        killed = server.kill_worker()
        (new,) = wait_until(lambda before=before: server.worker_pids() - before, "there is another one", START_S)
        wait_until(lambda new=new: listens(new), "it serves", START_S)
        assert server.loaders() == [loader]
        assert psutil.Process(new).ppid() == server.pid
        assert server.worker_pids() == before - {killed} | {new}
        assert f"worker_died pid={killed} status=-9" in server.log


def test_kill_9_of_worker_and_loader_at_once_is_mended(server):
    """Until the new loader has set its name, it counts as a worker."""
    (loader,), killed = server.loaders(), server.workers()[0]
    with suspended([psutil.Process(server.pid)]):
        loader.kill()
        killed.kill()
    wait_until(lambda: {loader.pid for loader in server.loaders()} - {loader.pid}, "there is another loader", START_S)
    wait_until(lambda: len(serving(server) - {killed.pid}) == PLACES, "there is another worker", START_S)
    assert len(server.workers()) == PLACES


@pytest.mark.long(proved_by="server/process/test_leaving.py::test_request_whose_body_is_still_coming_is_answered")
def test_frozen_loader_does_not_keep_the_server_from_leaving(sqlite_database, new_server, redis):
    server = new_server(sqlite_database, WEB_CONCURRENCY=2, REDIS_URL=redis.url).start()
    (loader,) = server.loaders()
    children = [loader, *server.workers()]
    loader.suspend()
    left = server.stop()
    assert left.status == 0
    assert all(map(is_gone, children))


def test_everybody_leaves_when_the_parent_is_killed(sqlite_database, new_server, redis):
    server = new_server(sqlite_database, WEB_CONCURRENCY=2, REDIS_URL=redis.url).start()
    children = [*server.loaders(), *server.workers()]
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: all(map(is_gone, children)), "all are gone", START_S)
