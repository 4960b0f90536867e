"""The product's server with an application's own Socket.IO handlers on it: a script.

The handlers are those that the public test suites of the protocols expect. With `engine` as argument, packets are
echoed below Socket.IO, as the suite of Engine.IO expects; with `hasty`, pings are as short as the suites have them.
"""

from __future__ import annotations

import sys
from pathlib import Path

MOST_BYTES = 1_000_000
HASTY = {"ping_interval": 0.3, "ping_timeout": 0.2}


def serve_echo(engine: bool, pings: dict[str, float]) -> int:
    import koyjabo

    create_app = koyjabo.create_app
    koyjabo.create_app = lambda *settings, **wiring: create_echo_app(create_app, engine, pings, settings, wiring)
    from koyjabo.server import serve

    return serve()


def create_echo_app(create_app, engine, pings, settings, wiring):
    """Called in the worker: nothing may be imported before it has changed the standard library."""
    from koyjabo.extensions import socketio

    socketio.server_options.update(pings, max_http_buffer_size=MOST_BYTES)
    if not engine:
        register(socketio)
    app = create_app(*settings, **wiring)
    if engine:
        echo_packets(socketio.server.eio)
    return app


def echo_packets(engine) -> None:
    engine.on("connect", lambda sid, environ: None)
    engine.on("message", lambda sid, data: engine.send(sid, data))
    engine.on("disconnect", lambda sid, reason: None)


def register(socketio) -> None:
    from flask_socketio import Namespace, emit

    @socketio.on("connect")
    def connect(auth=None):
        emit("auth", auth or {})

    @socketio.on("message")
    def message(*said):
        emit("message-back", said)

    @socketio.on("message-with-ack")
    def message_with_ack(*said):
        return said

    class Custom(Namespace):
        def on_connect(self, auth=None):
            emit("auth", auth or {})

        def on_message(self, *said):
            emit("message-back", said)

    socketio.on_namespace(Custom("/custom"))


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])  # instead of this folder
    sys.exit(serve_echo("engine" in sys.argv, HASTY if "hasty" in sys.argv else {}))
