"""Servers under test: started on one core, waited for, measured, and always stopped."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.folders import ROOT
from harness.servers import process_figures as proc

START_S = 40.0
STOP_S = 12.0
PROBE = "/healthz"
LOADER = "koyjabo-loader"


class Server:
    """A running server: `pid` is its first process, `port` answers HTTP on 127.0.0.1."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self._process = process
        self._log = log
        self.pid = process.pid
        self.port = port

    @property
    def worker(self) -> int:
        """The process that answers: the first child, or the only process there is."""
        return (self.workers or [self.pid])[0]

    @property
    def workers(self) -> list[int]:
        """All descendants but the one that loads the application and forks workers."""
        return [pid for pid in proc.tree(self.pid)[1:] if proc.name(pid) != LOADER]

    def wait_until_it_answers(self) -> None:
        """Until any HTTP answer comes."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.ask("GET", PROBE)
                return
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
        printed = self._log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{self._process.args!r} does not answer. It printed:\n{printed}")

    def ask(
        self,
        method: str,
        path: str,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 5,
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """One request: status, body and headers of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read(), response.headers
        finally:
            connection.close()

    def stop(self) -> None:
        """SIGTERM, and after a while SIGKILL for all that is left."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_S)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()


@contextmanager
def serving(
    command: Sequence[str],
    env: Mapping[str, str],
    core: int | str,
    log: Path,
    folder: Path = ROOT,
    port: int | None = None,
    is_ready: bool = True,
) -> Iterator[Server]:
    """Run `command` in `folder`, on `core` or on several as taskset takes them, until the block ends.

    PORT becomes `port`, or a free one. The block begins when it answers, or at once if it is not to be ready.
    """
    port = port or free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **env, "PORT": str(port)},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl+C is for us; we stop it
        )
    server = Server(process, port, log)
    try:
        if is_ready:
            server.wait_until_it_answers()
        yield server
    finally:
        server.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
