"""A real server: `python wsgi.py` in its own processes, used over real sockets."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import IO, Any, NamedTuple

import psutil

from support.databases.database import Database
from support.programs.forking import Program, Starting, start
from support.programs.patience import PATIENCE_S
from support.programs.processes import children, environment, is_gone, kill_all, listens, run, wait_until
from support.servers.api_client import Caller

SERVING = re.compile(r"Koy Jabo Live is serving.* http://localhost:(\d+)")
START_S = 120
"""Start timeout on a busy machine. Starting usually takes 2 s."""


class Exit(NamedTuple):
    status: int
    seconds: float


class Server(Caller):
    """One server on `database`. It can be started again after a stop, on another port."""

    program: tuple[str, ...] = ("wsgi.py",)

    def __init__(self, database: Database, folder: Path, **settings: Any) -> None:
        super().__init__()
        self.database = database
        self.settings = {"DATABASE_URL": database.url, **settings}
        self._folder = folder
        self._log_path = folder / "unstarted.log"
        self._process: Program | None = None
        self._met: set[psutil.Process] = set()

    def launch(self) -> Server:
        """Start the processes without waiting until they serve."""
        assert self._process is None, "it is already running"
        self._signalled_at = time.monotonic()
        self._log_path = self._folder / f"server-{time.monotonic_ns()}.log"
        if not Starting.is_honest and "STARTING_TOTAL" not in self.settings:
            self.database.begin()
        with self._log_path.open("wb") as log, open(os.devnull) as nothing:
            self._process = self._start(nothing, log, log)
        return self

    def _start(self, *files: IO[Any]) -> Program:
        return start(self.program, environment(**self.settings), files)

    def start(self) -> Server:
        return self.launch().wait_until_serving()

    def wait_until_serving(self, timeout_s: float = START_S) -> Server:
        match = wait_until(self._serving, "the server says where it serves", timeout_s)
        self.port = int(match[1])
        return self

    def _serving(self) -> re.Match[str] | None:
        assert self.running, f"the server ended at start:\n{self.log}"
        return SERVING.search(self.log)

    def stop(self, how: signal.Signals = signal.SIGTERM, group: bool = False) -> Exit:
        """Send a signal, `group` to the whole process group, as Ctrl+C does, and wait for the server to exit."""
        self.tell(how, group)
        return self.wait()

    def tell(self, how: signal.Signals, group: bool = False) -> None:
        self._signalled_at = time.monotonic()
        (os.killpg if group else os.kill)(self.pid, how)

    def wait(self, timeout_s: float = PATIENCE_S) -> Exit:
        """Wait for the server to exit. The result contains the seconds since the signal or the launch."""
        assert self._process is not None
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            log = self.log
            self.kill()
            raise AssertionError(f"still running after {timeout_s} s:\n{log}") from None
        self._process = None
        return Exit(status, time.monotonic() - self._signalled_at)

    def kill(self) -> None:
        """kill -9 the parent and every worker, so that none of them can close its connections."""
        if self._process is None:
            return
        self.workers()  # learn about workers not seen yet
        # The parent may have left workers behind.
        kill_all(([psutil.Process(self.pid)] if self.running else []) + list(self._met))
        self._process.wait(PATIENCE_S)
        self._process = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None, "it is not running"
        return self._process.pid

    def workers(self) -> list[psutil.Process]:
        if not self.running:
            return []
        processes = children(self.pid)
        self._met.update(processes)
        has_workers = SERVING.search(self.log) or listens(self.pid)  # reading the log is cheaper
        return processes if has_workers else []

    def worker_pids(self) -> set[int]:
        return {worker.pid for worker in self.workers()}

    def kill_worker(self) -> int:
        """kill -9 one worker. Returns its pid once it is dead and its connections are closed."""
        worker = self.workers()[0]
        worker.kill()
        wait_until(lambda: is_gone(worker), "the worker is dead")
        return worker.pid

    @property
    def log(self) -> str:
        """Its output since the last start."""
        return self._log_path.read_text() if self._log_path.exists() else ""

    def begin(self, *arguments: object, typed: IO[Any] | None = None, output: IO[Any] | None = None) -> Program:
        """Start `koyjabo …` with this server's settings, for tests that do something while it runs, or that kill it."""
        with open(os.devnull, "r+b") as nothing:
            files = (typed or nothing, output or nothing, nothing)
            return start(("-m", "koyjabo", *map(str, arguments)), environment(**self.settings), files)

    def koyjabo(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run `koyjabo …` with this server's settings."""
        return run("-m", "koyjabo", *arguments, typed=typed, **self.settings)
