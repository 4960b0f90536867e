"""The parent process: holds the listening socket, keeps the workers alive, and passes on the signal to leave."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import Any

BACKLOG = 4096
DRAIN_S = 8.0
"""What a worker has to answer and commit in; see `worker`."""

LAST_RESORT_S = DRAIN_S + 1.0
RESPAWN_INTERVAL_S = 1.0
"""A worker that dies at once is replaced at this pace, so that a fault does not become a storm."""

BAD_SETTINGS = 2


class Parent:
    def __init__(self) -> None:
        self._pid = os.getpid()
        self._workers: dict[int, float] = {}  # pid → when it was born, monotonic s
        self._wanted = 0
        self._fork_not_before = 0.0  # monotonic s
        self._leaving_since: float | None = None
        self._listener: socket.socket | None = None
        self._ready, self._say_ready = os.pipe()
        self._said_ready = False

    def run(self) -> int:
        settings = prepare()
        if settings is None:
            return BAD_SETTINGS
        self._wanted = settings["workers"]
        try:
            self._listener = listen(settings["port"])
        except OSError as error:
            print(f"PORT {settings['port']} cannot be served on: {error.strerror}. Set PORT.", file=sys.stderr)
            return BAD_SETTINGS
        signalled = self._hear_signals()
        while self._leaving_since is None or self._workers:
            self._replace_missing()
            waiting_for: list[Any] = [signalled, self._ready]
            readable, _, _ = select.select(waiting_for, [], [], 0.5)
            if signalled in readable:
                signalled.recv(4096)
            if self._ready in readable:
                self._announce()
            self._reap()
            self._lose_patience()
        return 0

    def _hear_signals(self) -> socket.socket:
        """Returns a socket that becomes readable with every signal, so that none is slept through."""
        signal.signal(signal.SIGTERM, self._leave)
        signal.signal(signal.SIGINT, self._leave)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        self._signal_sockets = (ours, theirs)  # the descriptor alone would not keep them open
        return ours

    def _replace_missing(self) -> None:
        if self._leaving_since is None and time.monotonic() >= self._fork_not_before:
            for _ in range(self._wanted - len(self._workers)):
                self._fork()

    def _fork(self) -> None:
        pid = os.fork()
        if pid == 0:
            self._become_worker()
        self._workers[pid] = time.monotonic()

    def _become_worker(self) -> None:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the whole group; the parent passes it on
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            from koyjabo.server.worker import work

            assert self._listener is not None
            status = work(self._listener, self._pid, self._say_ready, DRAIN_S)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)

    def _announce(self) -> None:
        os.read(self._ready, 4096)
        if not self._said_ready and self._listener is not None:
            self._said_ready = True
            port = self._listener.getsockname()[1]
            print(f"Koy Jabo Live is serving on http://localhost:{port} (stop it with Ctrl+C)", flush=True)

    def _reap(self) -> None:
        while self._workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            born = self._workers.pop(pid)
            self._fork_not_before = born + RESPAWN_INTERVAL_S
            if self._leaving_since is None:
                status = os.waitstatus_to_exitcode(status)  # negative: the signal
                print(f"worker_died pid={pid} status={status} and is replaced", file=sys.stderr, flush=True)

    def _leave(self, *_: object) -> None:
        if self._leaving_since is None:
            self._leaving_since = time.monotonic()
            if self._listener is not None:
                self._listener.close()
            self._tell_all(signal.SIGTERM)

    def _lose_patience(self) -> None:
        if self._leaving_since is not None and time.monotonic() - self._leaving_since > LAST_RESORT_S:
            self._tell_all(signal.SIGKILL)

    def _tell_all(self, what: signal.Signals) -> None:
        for pid in list(self._workers):
            with suppress(ProcessLookupError):
                os.kill(pid, what)


def prepare() -> dict[str, int] | None:
    """Read the settings and bring the database up to date; None if a setting cannot be used, and that has been said.

    In a child that goes away again: neither this process nor the workers carry what only the start needs.
    """
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os._exit(_prepare(theirs))
    os.close(theirs)
    with os.fdopen(ours, "rb") as answers:
        written = answers.read()
    os.waitpid(pid, 0)
    return json.loads(written) if written else None


def _prepare(fd: int) -> int:
    import config
    from koyjabo import create_app
    from koyjabo.errors import LedgerUnavailable, UnusableDatabase

    try:
        settings = config.load()
        with suppress(LedgerUnavailable):  # the workers will wait for it, and say so
            create_app()
    except (config.SettingsError, UnusableDatabase) as error:
        print(error, file=sys.stderr, flush=True)
        return BAD_SETTINGS
    os.write(fd, json.dumps({"port": settings.port, "workers": settings.web_concurrency}).encode())
    return 0


def listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", port))
    listener.listen(BACKLOG)
    return listener
