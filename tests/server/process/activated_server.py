"""A server with socket activation: a service manager creates the listening socket and keeps it open.

Run as a program, it receives that socket as standard input, and passes it on as descriptor 3 with the variables of
sd_listen_fds(3).
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import IO, Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[3])
    os.dup2(0, 3)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.environ.setdefault("LISTEN_FDS", "1")

    from koyjabo.server import serve
    from koyjabo.server.http import server

    server.ON_ITS_WAY_S = 60.0  # a client of the tests may connect long before it sends its request

    sys.exit(serve())

from support.databases.database import Database
from support.programs.forking import Program, start
from support.programs.processes import environment
from support.servers.server import Server


class ActivatedServer(Server):
    program = (__file__,)

    def __init__(self, database: Database, folder: Path, listener: socket.socket, **settings: Any) -> None:
        super().__init__(database, folder, **settings)
        self._listener = listener

    def _start(self, *files: IO[Any]) -> Program:
        return start(self.program, environment(**self.settings), (self._listener, *files[1:]))
