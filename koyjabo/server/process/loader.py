"""The parent's handle on the loader: a process that loads the application once. It becomes the only worker, or forks
all workers, which share its memory.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from contextlib import suppress
from typing import Any

from koyjabo.server.process.listening_socket import ListeningSocket
from koyjabo.server.process.loader_process import ORDER_SIZE, SETTINGS_SIZE, LoaderProcess
from koyjabo.server.process.worker_pipe import WorkerProcess


class Loader:
    """The loader process. `settings` is set once the process has loaded the application. If `is_done` is set but
    `settings` is not, the process has ended: it was killed, or it printed what is wrong with the settings or the
    database.
    """

    def __init__(self, prepares: bool, of_parent: list[int], log_format: str) -> None:
        """Fork the process. With `prepares`, it migrates the database before it reports `settings`. `of_parent` are the
        parent's descriptors that it must close. Raises OSError if no process can be forked.
        """
        self.settings: dict[str, Any] | None = None
        self.is_done = False
        self.born = time.monotonic()  # monotonic s
        self._channel, theirs = socket.socketpair()
        parent = os.getpid()
        with theirs:
            try:
                self.pid = os.fork()
            except OSError:
                self._channel.close()
                raise
            if self.pid == 0:
                for descriptor in (self._channel.detach(), *of_parent):
                    os.close(descriptor)
                LoaderProcess(theirs, parent, log_format).run(prepares)
        self._channel.setblocking(False)

    def fileno(self) -> int:
        return self._channel.fileno()

    def receive(self) -> None:
        """Read `settings`."""
        with suppress(BlockingIOError):
            data = self._channel.recv(SETTINGS_SIZE)
            self.is_done = not data
            self.settings = json.loads(data) if data else None

    def order(self, place: int, listener: ListeningSocket, forks: bool) -> WorkerProcess:
        """Order a worker for this place. The loader forks the worker or becomes it. Raises ConnectionError if the
        loader has ended, and another OSError if the order cannot be sent.
        """
        worker = WorkerProcess(place)
        order = json.dumps({"place": place, "forks": forks, "is_passed": listener.is_passed}).encode().ljust(ORDER_SIZE)
        try:
            socket.send_fds(self._channel, [order], [listener.socket.fileno(), worker.writer])
        except OSError:
            worker.close()
            raise
        finally:
            os.close(worker.writer)
        return worker

    def close(self) -> None:
        """Stop managing the process, because it has ended or becomes a worker."""
        self._channel.close()

    def end(self) -> int:
        """Kill the process unless it has ended. Returns its status as `os.waitpid` reports it."""
        self.close()
        if not self.is_done:
            os.kill(self.pid, signal.SIGKILL)
        return os.waitpid(self.pid, 0)[1]
