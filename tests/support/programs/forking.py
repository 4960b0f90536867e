"""Starts the product's programs by forking a process that has already imported their modules (`programs.template`).

The parent of a forked server keeps its memory instead of executing its program again. Tests of starting itself are
marked `honest_start`. For these tests, `python …` starts a new interpreter, and the parent does so as well.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol

from support.programs.run_folder import MARKER

ROOT = Path(__file__).resolve().parents[3]

PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPYCACHEPREFIX", MARKER)
"""Environment variables that every program inherits from the tests."""


SERVERS = ("wsgi.py", "activated_server.py", "changed_server.py", "loading_server.py", "echo_app.py")


class Program(Protocol):
    """A running program, with the interface of `subprocess.Popen`."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...


class Starting:
    """How programs are started. Set before each test."""

    is_honest = False


def start(arguments: tuple[str, ...], environment: dict[str, str], files: tuple[IO[Any], IO[Any], IO[Any]]) -> Program:
    """Run `python …` in the project's folder, in a new process group, as a terminal does.

    `files` are its standard input, output and error. A preloaded library (`faults.disks.slow_disk`) requires a
    new interpreter.
    """
    kind = _template_for(arguments)
    if kind and not Starting.is_honest and "LD_PRELOAD" not in environment:
        return TEMPLATES[kind].start(arguments, environment, files)
    return start_anew([sys.executable, *arguments], environment, files)


def start_anew(
    command: list[str], environment: dict[str, str], files: tuple[IO[Any], ...], folder: Path = ROOT
) -> Program:
    """Run any program in the same way, in any folder."""
    standard_input, output, errors = files
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdin=standard_input, stdout=output, stderr=errors, start_new_session=True
    )


def _template_for(arguments: tuple[str, ...]) -> str | None:
    """The kind of template for a program, or None if it always needs a new interpreter."""
    if arguments[:2] == ("-m", "koyjabo"):
        return None if arguments[2:3] == ("serve",) else "commands"
    if arguments[:2] in (("-m", "demo"), ("-m", "alembic")):
        return "commands"
    return "servers" if arguments[0].endswith(SERVERS) else None


class Template:
    """A process that forks programs. It starts with the first program and ends with this process."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._control, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process: subprocess.Popen[bytes] | None = None

    def _begin(self) -> None:
        program = Path(__file__).with_name("template.py")
        kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, program, self._kind, str(self._theirs.fileno())],
            cwd=ROOT,
            env=kept,
            stdin=subprocess.DEVNULL,
            pass_fds=[self._theirs.fileno()],
            start_new_session=True,
        )
        self._theirs.close()

    def start(self, arguments: tuple[str, ...], environment: dict[str, str], files: tuple[IO[Any], ...]) -> Program:
        if self._process is None:
            self._begin()
        request = {"arguments": arguments, "environment": environment}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            given = [*(file.fileno() for file in files), theirs.fileno()]
            socket.send_fds(self._control, [json.dumps(request).encode()], given)
        return Forked(arguments, ours)


TEMPLATES = {kind: Template(kind) for kind in ("servers", "commands")}


class Forked:
    """A forked program, with the methods of `subprocess.Popen` that tests use."""

    def __init__(self, arguments: tuple[str, ...], status: socket.socket) -> None:
        self._arguments = arguments
        self._status = status
        self.pid = 0
        self.returncode: int | None = None
        while not self.pid:
            self._receive(None)

    def poll(self) -> int | None:
        with suppress(BlockingIOError):
            while self.returncode is None:
                self._receive(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit status. Raises subprocess.TimeoutExpired."""
        ends_at = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            try:
                self._receive(None if ends_at is None else max(ends_at - time.monotonic(), 0.001))
            except TimeoutError:
                raise subprocess.TimeoutExpired(list(self._arguments), timeout or 0) from None
        return self.returncode

    def _receive(self, timeout_s: float | None) -> None:
        self._status.settimeout(timeout_s)
        status = self._status.recv(64)
        assert status, "the process that programs are forked from is gone"
        what, value = status.decode().split()
        if what == "pid":
            self.pid = int(value)
        else:
            self.returncode = int(value)
            self._status.close()
