"""What a connected client may say, and what it is told at once. Knows no bytes and no tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def init_app(app: Flask) -> None:
    """Let `app` answer plain WebSockets, and register what Socket.IO clients may say (once for all applications)."""
    from koyjabo.sockets import routes, socketio_handlers

    socketio_handlers.register()
    app.register_blueprint(routes.bp)
