"""Starts the product's programs as an operator would, each in a clean environment."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import psutil

from support.programs.applications import METRICS_TOKEN as METRICS_TOKEN, SECRET as SECRET
from support.programs.forking import PASSED_ON, ROOT as ROOT, start
from support.programs.patience import PATIENCE_S
from support.programs.zone import ZONE

LIMITS = "REGISTRATIONS VISITOR LOGINS CHANGES REPORTS SOCKETS TABS"
NO_LIMITS = {f"RATE_LIMIT_{what}": "0" for what in LIMITS.split()}
"""Turns off production limits, which would also apply to the machine that runs the tests."""

NO_CITIES = {"GEOIP_DATABASE": os.pathsep}
"""A list of no files: leaves out the cities that `koyjabo geoip` may have put into the checkout."""

OFTEN_S, SELDOM_S = 0.02, 0.1

Found = TypeVar("Found")


def environment(**settings: Any) -> dict[str, str]:
    """A clean environment with `settings`, in production so that `.env` is not read. None omits a setting."""
    fixed = {
        "ENVIRONMENT": "production",
        "SECRET_KEY": SECRET,
        "METRICS_TOKEN": METRICS_TOKEN,
        "PORT": 0,
        "TIMEZONE": ZONE.key,
    }
    given = {**fixed, **NO_LIMITS, **NO_CITIES, **settings}
    kept = {name: os.environ[name] for name in (*PASSED_ON, "EVENTLET_HUB") if name in os.environ}
    return {**kept, **{name: str(value) for name, value in given.items() if value is not None}}


def run(*arguments: str, timeout_s: float = 240, typed: str = "", **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run `python …` in the project's folder until it exits. `typed` is its standard input."""
    with ExitStack() as files:
        given, output, complained = (files.enter_context(tempfile.TemporaryFile("w+")) for _ in range(3))
        given.write(typed)
        given.seek(0)
        program = start(arguments, environment(**settings), (given, output, complained))
        try:
            status = program.wait(timeout_s)
        except subprocess.TimeoutExpired:
            kill_all([psutil.Process(program.pid)])
            raise
        output.seek(0)
        complained.seek(0)
        return subprocess.CompletedProcess(arguments, status, output.read(), complained.read())


def wait_until(
    condition: Callable[[], Found], what: str, timeout_s: float = PATIENCE_S, every_s: float | None = None
) -> Found:
    """Wait until `condition` returns a true value, and return it. Fails with `what` after `timeout_s`.

    Checks every `every_s`. By default, the interval grows with the wait, because many conditions are costly.
    """
    began = time.monotonic()
    while not (result := condition()):
        waited_s = time.monotonic() - began
        assert waited_s < timeout_s, f"not within {timeout_s} s: {what}"
        time.sleep(min(OFTEN_S + waited_s / 10, SELDOM_S) if every_s is None else every_s)
    return result


def is_gone(process: psutil.Process) -> bool:
    """Whether a process has ended. A zombie counts as ended if it has no other threads, because init may take seconds
    to reap it. With other threads, it still holds files and locks.
    """
    try:
        is_zombie = process.status() == psutil.STATUS_ZOMBIE and len(os.listdir(f"/proc/{process.pid}/task")) == 1
        return is_zombie or not process.is_running()
    except (FileNotFoundError, ProcessLookupError, psutil.NoSuchProcess):
        return True


def assert_none_is_left(group: int) -> None:
    """Assert that a server's process group is empty."""
    wait_until(lambda: not [process for process in psutil.process_iter() if _is_in(group, process)], "all are gone")


def _is_in(group: int, process: psutil.Process) -> bool:
    try:
        return os.getpgid(process.pid) == group and not is_gone(process)
    except (ProcessLookupError, PermissionError):
        return False


def children(pid: int) -> list[psutil.Process]:
    processes = []
    for child in child_pids(pid):
        with suppress(psutil.NoSuchProcess):
            processes.append(psutil.Process(child))
    return processes


def child_pids(pid: int) -> list[int]:
    """Children of all threads of a process. psutil would read every process on the machine."""
    pids: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            pids += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text().split())
    return pids


def listens(pid: int) -> bool:
    """Whether the process has a TCP socket that accepts connections."""
    with suppress(psutil.Error):
        return any(connection.status == psutil.CONN_LISTEN for connection in psutil.Process(pid).net_connections("tcp"))
    return False


def open_sockets(process: psutil.Process) -> int:
    """The number of a process's open sockets. Files would not do: connections to SQLite open on first use."""
    count = 0
    for number in os.listdir(f"/proc/{process.pid}/fd"):
        with suppress(FileNotFoundError):  # closed in the meantime
            count += os.readlink(f"/proc/{process.pid}/fd/{number}").startswith("socket:")
    return count


def kill_all(processes: list[psutil.Process]) -> None:
    """kill -9 in the given order. Returns when all are gone."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()  # psutil makes sure that the pid was not reused
    wait_until(lambda: all(map(is_gone, processes)), "all killed processes are gone")


def is_stopped(process: psutil.Process) -> bool:
    """Whether all threads of a process are suspended or have ended. The process status covers only the main thread:
    another thread may still be in a system call, and return from it holding a lock.
    """
    states = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{process.pid}/task"):
            with suppress(OSError):  # the thread has ended
                states.append(Path(f"/proc/{process.pid}/task/{thread}/stat").read_text().rpartition(")")[2][1])
    return set(states) <= {"T", "t", "Z", "X"}


@contextmanager
def suspended(processes: list[psutil.Process]) -> Iterator[None]:
    """Suspend the processes for the duration of the block. Ignores processes that have already ended."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        wait_until(lambda: all(map(is_stopped, processes)), "all are suspended", every_s=0.001)
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()
