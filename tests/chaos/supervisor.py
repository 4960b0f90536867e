"""Starts the server again whenever it has ended, as systemd or a hosting platform does."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
from support.changed_server import ChangedServer
from support.processes import is_gone
from support.server import Exit

from chaos.book import Book

TURN_S = 0.05
AGAIN_S = 0.3
ORPHANS_LEAVE_S = 12.0
"""Those of a killed parent answer what they have, for 8 s at most."""


class Supervisor(threading.Thread):
    """`exits` are those of the server, the newest last."""

    def __init__(self, server: ChangedServer, folder: Path, book: Book) -> None:
        super().__init__(daemon=True, name="supervisor")
        self.server = server
        self.exits: list[Exit] = []
        self._folder = folder
        self._book = book
        self._over = threading.Event()

    def stop(self) -> None:
        """Look after it no longer."""
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
                self._book.breach(f"the server cannot be started: {type(error).__name__}: {error}")
            self._over.wait(AGAIN_S)

    def workers(self) -> list[psutil.Process]:
        with suppress(psutil.Error, AssertionError):
            return sorted(self.server.workers(), key=lambda worker: worker.pid)
        return []

    def loaders(self) -> list[psutil.Process]:
        with suppress(psutil.Error, AssertionError):
            return self.server.loaders()
        return []

    def parent(self) -> psutil.Process | None:
        with suppress(psutil.Error, AssertionError):
            return psutil.Process(self.server.pid)
        return None

    def wait_until_gone(self, orphans: list[psutil.Process]) -> None:
        deadline = time.monotonic() + ORPHANS_LEAVE_S
        while not all(map(is_gone, orphans)):
            if time.monotonic() > deadline:
                self._book.breach("workers of a killed parent are still there")
                return
            time.sleep(TURN_S)

    def log(self) -> str:
        """Of all its lives."""
        return "".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("server-*.log")))
