"""Who pushes: this server, what others would take for it, and the floor under all of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.crowds import PLAIN, SOCKET_IO, STREAM, Door
from harness.folders import ROOT
from harness.peers import NODE_MODULES, PEERS, VENV_BIN
from harness.programs import SOURCES, compiled
from harness.versions import THIS, Version

SOCKET_IO_PATH = "/socket.io/?EIO=4&transport=websocket"
HOUR = "3600"
"""Between pings of the peers, so that none falls into a measurement."""

PAYLOAD_BYTES = len((SOURCES / "visitor_update.json").read_text().strip())
AROUND_BYTES = len('42["visitor_update",]')


@dataclass(frozen=True)
class Pusher:
    """A server to start in `folder`, and the door its clients take. `own` ones are the product and get a database."""

    name: str
    command: tuple[str, ...]
    door: Door
    env: tuple[tuple[str, str], ...] = ()
    own: bool = False
    redis: bool = False
    folder: Path = ROOT


TRIGGER = Path("bench", "servers", "push.py")
"""A version's server with a route that causes broadcasts, in its folder."""

SOCKET_IO_DOOR, PLAIN_DOOR = Door(SOCKET_IO_PATH, SOCKET_IO), Door("/", PLAIN)
BESIDE = (("PYTHONPATH", str(PEERS)),)
NODE_ENV = (("NODE_PATH", str(NODE_MODULES)), ("NODE_ENV", "production"))
NODE_PEER = ("node", str(PEERS / "push_peer.js"), "{port}")
DAPHNE = ("daphne", "-b", "127.0.0.1", "-p", "{port}", "-v", "0", "--ping-interval", HOUR)
UVICORN = ("uvicorn", "--port", "{port}", "--log-level", "error", "--ws-ping-interval", HOUR)


def _from_venv(program: str, *arguments: str) -> tuple[str, ...]:
    return (str(VENV_BIN / program), *arguments)


def of_version(version: Version) -> tuple[Pusher, Pusher]:
    """It with Socket.IO and with plain clients."""
    return _of(version, (version.python, str(version.folder / TRIGGER)))


def deployed(version: Version) -> tuple[Pusher, Pusher]:
    """The same, as it is deployed."""
    return _of(version, version.server)


def _of(version: Version, command: tuple[str, ...]) -> tuple[Pusher, Pusher]:
    return (
        Pusher(f"{version.name}, Socket.IO", command, SOCKET_IO_DOOR, own=True, folder=version.folder),
        Pusher(f"{version.name}, plain", command, PLAIN_DOOR, own=True, folder=version.folder),
    )


OURS, OURS_PLAIN = of_version(THIS)
OURS_DEFLATE = Pusher("this server, plain, deflate offered", OURS.command, Door("/", PLAIN, deflate=True), own=True)
OURS_STREAMS = Pusher("this server, streams", OURS.command, Door("/api/stream", STREAM), own=True)
STOCK = Pusher(
    "Flask-SocketIO on eventlet",
    _from_venv("python", str(PEERS / "flask_socketio_peer.py"), "{port}"),
    SOCKET_IO_DOOR,
)
CHANNELS = Pusher(
    "Django Channels, Daphne, Redis",
    _from_venv(*DAPHNE, "channels_peer:application"),
    Door("/ws/", PLAIN),
    env=BESIDE,
    redis=True,
)
STARLETTE = Pusher("Starlette on uvicorn", _from_venv(*UVICORN, "starlette_peer:app"), PLAIN_DOOR, env=BESIDE)
NODE_SOCKET_IO = Pusher("Node socket.io", (*NODE_PEER, "socket.io"), SOCKET_IO_DOOR, env=NODE_ENV)
NODE_WS = Pusher("Node ws", (*NODE_PEER, "ws"), PLAIN_DOOR, env=NODE_ENV)


def floor() -> Pusher:
    """Sends frames as long as those of Socket.IO, the longer ones."""
    return Pusher(
        "floor: send() in C",
        (str(compiled(SOURCES / "floor.c")), "{port}", str(PAYLOAD_BYTES + AROUND_BYTES)),
        PLAIN_DOOR,
    )


def everybody(before: Version | None) -> tuple[Pusher, ...]:
    ours = (OURS, OURS_PLAIN, OURS_DEFLATE, OURS_STREAMS, *(of_version(before) if before else ()))
    return (*ours, STOCK, CHANNELS, STARLETTE, NODE_SOCKET_IO, NODE_WS, floor())
