"""A server that runs `echo_app.py`."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from support.processes import ROOT, environment
from support.server import Server

SCRIPT = Path(__file__).with_name("echo_app.py")


class EchoServer(Server):
    """With `engine`, it echoes below Socket.IO."""

    arguments: tuple[str, ...] = ()

    def launch(self) -> EchoServer:
        assert self._process is None, "it is already running"
        self._told_at = time.monotonic()
        self._log_path = self._folder / f"server-{time.monotonic_ns()}.log"
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(SCRIPT), *self.arguments],
                cwd=ROOT,
                env=environment(**self.settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self


class EchoEngineServer(EchoServer):
    arguments = ("engine",)
