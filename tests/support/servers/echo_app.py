"""A script that runs the product's server with the handlers that the public test suites of the protocols expect."""

from __future__ import annotations

import sys
from pathlib import Path

MAX_BYTES = 1_000_000


def serve_echo() -> int:
    import koyjabo

    create_app = koyjabo.create_app
    koyjabo.create_app = lambda *settings, **wiring: create_echo_app(create_app, settings, wiring)
    from koyjabo.server import serve

    return serve()


def create_echo_app(create_app, settings, wiring):
    """Runs in the worker. Nothing may be imported before the worker has patched the standard library."""
    from koyjabo.base.core.extensions import socketio

    socketio.server_options.update(max_http_buffer_size=MAX_BYTES)
    register(socketio)
    app = create_app(*settings, **wiring)
    app.wsgi_app = echoing(app.wsgi_app)
    return app


class Echo:
    """The owner of plain sockets that send each message back."""

    largest_message = MAX_BYTES
    pings = True

    def received(self, connection, message):
        from koyjabo.realtime.frames import BINARY_OPCODE, TEXT_OPCODE, frame

        connection.write(frame(message, TEXT_OPCODE if isinstance(message, str) else BINARY_OPCODE))

    def ended(self, connection, code): ...


def echoing(app):
    def with_echo(environ, start_response):
        if environ["PATH_INFO"] == "/" and "HTTP_UPGRADE" in environ:
            environ["koyjabo.websockets"].accept(environ, Echo()).start()
            return []
        return app(environ, start_response)

    return with_echo


def register(socketio) -> None:
    from flask_socketio import Namespace, emit

    @socketio.on("connect")
    def connect(auth=None):
        emit("auth", auth or {})

    @socketio.on("message")
    def message(*arguments):
        emit("message-back", arguments)

    @socketio.on("message-with-ack")
    def message_with_ack(*arguments):
        return arguments

    class Custom(Namespace):
        def on_connect(self, auth=None):
            emit("auth", auth or {})

        def on_message(self, *arguments):
            emit("message-back", arguments)

    socketio.on_namespace(Custom("/custom"))


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[3])  # instead of this script's folder
    sys.exit(serve_echo())
