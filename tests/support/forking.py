"""Start the product's programs: forked from a process that has loaded what they import (`support.template`).

Tests about starting itself are marked `honest_start`: for them `python …` is run anew.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, Protocol

ROOT = Path(__file__).resolve().parents[2]


class Program(Protocol):
    """A running one, as of `subprocess.Popen`."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...


class Starting:
    """How programs are started now; set before each test."""

    is_honest = False


def start(arguments: tuple[str, ...], environment: dict[str, str], files: tuple[IO[Any], IO[Any], IO[Any]]) -> Program:
    """Run `python …` in the project's folder, in a process group of its own, as under a terminal.

    `files` are its standard input, output and error.
    """
    kind = _template_for(arguments)
    if kind and not Starting.is_honest:
        return _template(kind).start(arguments, environment, files)
    said, output, errors = files
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        stdin=said,
        stdout=output,
        stderr=errors,
        start_new_session=True,
    )


def _template_for(arguments: tuple[str, ...]) -> str | None:
    """None for programs that are started anew in any case."""
    if arguments[:2] == ("-m", "koyjabo"):
        return None if arguments[2:3] == ("serve",) else "commands"
    if arguments[:2] == ("-m", "demo"):
        return "commands"
    return "servers" if arguments[0].endswith(("wsgi.py", "changed_server.py", "loading_server.py")) else None


@cache
def _template(kind: str) -> Template:
    return Template(kind)


class Template:
    """It ends with this process."""

    def __init__(self, kind: str) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        program = Path(__file__).with_name("template.py")
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, program, kind, str(theirs.fileno())],
                cwd=ROOT,
                env=kept,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def start(self, arguments: tuple[str, ...], environment: dict[str, str], files: tuple[IO[Any], ...]) -> Program:
        request = {"arguments": arguments, "environment": environment}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            given = [*(file.fileno() for file in files), theirs.fileno()]
            socket.send_fds(self._control, [json.dumps(request).encode()], given)
        return Forked(arguments, ours)


class Forked:
    """A program that a template has forked, with the methods of `subprocess.Popen` that tests use."""

    def __init__(self, arguments: tuple[str, ...], status: socket.socket) -> None:
        self._arguments = arguments
        self._status = status
        self.returncode: int | None = None
        self.pid = self._said(None)

    def poll(self) -> int | None:
        with suppress(BlockingIOError):
            self._end(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        try:
            self._end(timeout)
        except TimeoutError:
            raise subprocess.TimeoutExpired(list(self._arguments), timeout or 0) from None
        assert self.returncode is not None
        return self.returncode

    def _end(self, timeout_s: float | None) -> None:
        if self.returncode is None:
            self.returncode = self._said(timeout_s)
            self._status.close()

    def _said(self, timeout_s: float | None) -> int:
        self._status.settimeout(timeout_s)
        said = self._status.recv(64)
        assert said, "the process that programs are forked from is gone"
        return int(said)
