"""One start of a server, to the moment at which each of its workers waits for connections."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from subprocess import DEVNULL, Popen, TimeoutExpired

import click

from harness import proc
from harness.processes import free_port
from harness.versions import Version

START_S, STOP_S = 120.0, 12.0
REQUESTS = 40
"""For each worker before memory is measured: a page, stats and visits."""

ASKED = (("GET", "/api/stats"), ("GET", "/healthz"), ("GET", "/"), ("POST", "/api/visitor/register"))


@dataclass(frozen=True)
class Start:
    ready_s: float
    cpu_s: float  # of all processes, also of those that have ended
    pss_mb: float  # of all processes, after some requests


def measure(version: Version, env: Mapping[str, str], workers: int) -> Start:
    port, began = free_port(), time.monotonic()
    with _running(version, {**env, "PORT": str(port)}) as server:
        _wait_for_all(server, port, workers)
        ready_s, cpu_s = time.monotonic() - began, proc.cpu_with_ended_s(server.pid)
        for number in range(REQUESTS * workers):
            _ask(port, *ASKED[number % len(ASKED)])
        return Start(ready_s, cpu_s, proc.pss_mb(server.pid))


@contextmanager
def _running(version: Version, env: Mapping[str, str]) -> Iterator[Popen[bytes]]:
    server = Popen(
        version.server,
        cwd=version.folder,
        env={**os.environ, "PYTHONPATH": str(version.folder), **env},
        stdin=DEVNULL,
        stdout=DEVNULL,
        start_new_session=True,
    )
    try:
        yield server
    finally:
        server.terminate()
        try:
            server.wait(STOP_S)
        except TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _wait_for_all(server: Popen[bytes], port: int, workers: int) -> None:
    """Until all workers wait for connections, and one has answered."""
    deadline = time.monotonic() + START_S
    while (found := proc.accepting(server.pid, port)) < workers:
        if time.monotonic() > deadline or server.poll() is not None:
            raise click.ClickException(f"{found} of {workers} workers wait for connections")
        time.sleep(0.02)
    _ask(port, "GET", "/healthz")


def _ask(port: int, method: str, path: str) -> None:
    body = f'{{"visitorId": "visitor-{time.monotonic_ns()}"}}' if method == "POST" else None
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    with suppress(OSError, HTTPException):
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        connection.getresponse().read()
    connection.close()
