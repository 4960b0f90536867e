"""Restarts the server whenever it exits, as systemd or a hosting platform does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
from support.servers.changed_server import ChangedServer
from support.servers.server import Exit

from chaos.journal import Journal

TURN_S = 0.05
AGAIN_S = 0.3


class Supervisor(threading.Thread):
    """A thread that keeps the server running. `exits` lists the server's exits, the latest last."""

    def __init__(self, server: ChangedServer, folder: Path, journal: Journal) -> None:
        super().__init__(daemon=True, name="supervisor")
        self.server = server
        self.exits: list[Exit] = []
        self._folder = folder
        self._journal = journal
        self._over = threading.Event()

    def stop(self) -> None:
        """Stop restarting the server."""
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.wait(TURN_S):
            if self.server.running:
                continue
            try:
                self.exits.append(self.server.wait())
                self.server.launch()
            except Exception as error:
                self._journal.breach(f"the server cannot be started: {type(error).__name__}: {error}")
            self._over.wait(AGAIN_S)

    def workers(self) -> list[psutil.Process]:
        return _found(lambda: sorted(self.server.workers(), key=lambda worker: worker.pid))

    def parents(self) -> list[psutil.Process]:
        """The server's process, or none while it is down."""
        return _found(lambda: [psutil.Process(self.server.pid)])

    def log(self) -> str:
        """The server's logs from all its starts."""
        return "".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("server-*.log")))


def _found(look: Callable[[], list[psutil.Process]]) -> list[psutil.Process]:
    """Call `look`. Returns an empty list if a process has exited in the meantime."""
    with suppress(psutil.Error, AssertionError):
        return look()
    return []
