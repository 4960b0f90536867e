"""Programs that listen on a port: Redis, nginx, PgBouncer, and the servers that benchmarks measure."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from support.programs.patience import PATIENCE_S
from support.programs.ports import free_port, is_taken
from support.programs.processes import wait_until


class Service:
    """A program in its own session, so that Ctrl+C does not reach it. It keeps its port across restarts.

    Subclasses define the `command` that starts it. Its output goes to `log`, a file in `folder`.
    """

    start_s, stop_s = PATIENCE_S, 10.0
    environment: Mapping[str, str] | None = None
    """None: inherited from this process."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.port = port or free_port()
        self.folder = self.working_folder = folder
        self._log_path = folder / f"{type(self).__name__.lower()}-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str | Path]:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start, and return when it responds."""
        assert self._process is None, "it is already running"
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.working_folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._answers, f"{type(self).__name__} answers", self.start_s)
        return self

    def stop(self) -> None:
        """Send SIGTERM, and after `stop_s` SIGKILL to its process group. Does nothing if it is not running."""
        if self._process is not None:
            self._process.terminate()
            self.thaw()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(self.stop_s)
            self.kill()

    def kill(self) -> None:
        """Send SIGKILL to its process group, even if it is frozen."""
        process, self._process = self._running(), None
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def freeze(self) -> None:
        """Send SIGSTOP: the kernel still accepts connections, but none gets a response."""
        self._running().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._running().send_signal(signal.SIGCONT)

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def log(self) -> str:
        """Output since its last start."""
        return self._log_path.read_text(errors="replace") if self._log_path.exists() else ""

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it is not running"
        return self._process

    def _answers(self) -> bool:
        assert self._running().poll() is None, f"it ended at start; is port {self.port} taken?\n{self.log}"
        return is_taken(self.port)
