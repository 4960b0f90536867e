"""Checks that other clients of a worker are unaffected by what one client sends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from support.clients.listener import PlainListener, SocketioListener
from support.programs.processes import open_sockets, wait_until
from support.servers.changed_server import ChangedServer, changed_server

A_FEW = 2  # connections used to query the server: an earlier one may not have ended yet


class UnaffectedClients:
    def __init__(self, server: ChangedServer, stack: ExitStack) -> None:
        self.server = server
        self._worker = server.worker
        self._pages = [
            stack.enter_context(PlainListener(server.port)),
            stack.enter_context(SocketioListener(server.port, transports=["websocket"])),
        ]
        for page in self._pages:
            page.first()
        self._log_seen = 0
        self._held = server.held()
        self._sockets = open_sockets(self._worker)

    def assert_unharmed(self) -> None:
        """Assert that the worker sends changes to both pages, keeps nothing of closed clients, logged no failure."""
        assert self.server.worker == self._worker
        (revision,) = self.server.emit()
        for page in self._pages:
            wait_until(lambda page=page: self._has_received(page, revision), "a change is received")
        wait_until(lambda: self.server.held() == self._held, f"only {self._held} is held")
        wait_until(lambda: open_sockets(self._worker) <= self._sockets + A_FEW, "their sockets are closed")
        log = self.server.log
        new, self._log_seen = log[self._log_seen :], len(log)
        assert "Traceback" not in new, new

    @staticmethod
    def _has_received(page: Any, revision: int) -> bool:
        return any(update.event["stats"]["revision"] >= revision for update in page.of_type("visitor_update"))


@contextmanager
def unaffected_clients(
    folder: Path, changes: dict[str, Any] | None = None, **settings: Any
) -> Iterator[UnaffectedClients]:
    with changed_server(folder, changes, **settings) as server, ExitStack() as stack:
        yield UnaffectedClients(server, stack)
