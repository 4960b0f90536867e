"""A TCP proxy in front of two versions during an upgrade. It forwards new connections to the selected one."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self

from support.servers.api_client import Caller
from support.servers.server import Server


class SwitchingFront(Caller):
    """A proxy whose open connections stay with their server until either side closes them."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listening.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes up `accept`
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self.server.port))
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=_pass_on, args=ends, daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        source.shutdown(socket.SHUT_RDWR)
