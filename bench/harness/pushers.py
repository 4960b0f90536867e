"""Servers that push, with the doors that their clients take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.crowds import PLAIN, SOCKET_IO, STREAM, Door
from harness.folders import ROOT
from harness.versions import THIS, Version

TRIGGER = Path("bench", "servers", "push.py")
"""A version's server with a route that causes broadcasts, in its folder."""

SOCKET_IO_DOOR = Door("/socket.io/?EIO=4&transport=websocket", SOCKET_IO)
PLAIN_DOOR = Door("/", PLAIN)


@dataclass(frozen=True)
class Pusher:
    """A server to start in `folder`, and the door its clients take."""

    name: str
    command: tuple[str, ...]
    door: Door
    folder: Path = ROOT


def with_trigger(version: Version) -> tuple[Pusher, Pusher]:
    """It with Socket.IO and with plain clients."""
    return _of(version, (version.python, str(version.folder / TRIGGER)))


def deployed(version: Version) -> tuple[Pusher, Pusher]:
    """The same, as it is deployed."""
    return _of(version, version.server)


def _of(version: Version, command: tuple[str, ...]) -> tuple[Pusher, Pusher]:
    return (
        Pusher(f"{version.name}, Socket.IO", command, SOCKET_IO_DOOR, version.folder),
        Pusher(f"{version.name}, plain", command, PLAIN_DOOR, version.folder),
    )


OURS, OURS_PLAIN = with_trigger(THIS)
OURS_DEFLATE = Pusher("this server, plain, deflate offered", OURS.command, Door("/", PLAIN, deflate=True))
OURS_STREAMS = Pusher("this server, streams", OURS.command, Door("/api/stream", STREAM))
