"""Sockets handle plain WebSockets, streams and Socket.IO: connecting, joining rooms, and messages from clients. Begin
with `websocket_routes.py`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("api", "websocket_routes")


def register(base: "Base") -> None:
    """Add the handlers to the current application. Socket.IO handlers are registered once per process."""
    from functools import partial

    from flask import current_app

    from koyjabo.realtime.services import RealtimeServices
    from koyjabo.web.fast_path.fast_path import STREAM_OPENER
    from . import socketio_handlers, socketio_setup, websocket_routes

    app = current_app._get_current_object()  # type: ignore[attr-defined]
    socketio_handlers.register()
    app.extensions[STREAM_OPENER] = partial(websocket_routes.open_stream, app, websocket_routes.STATS_STREAM)
    fanout, workers = base.services[RealtimeServices].fanout, base.settings.web_concurrency
    socketio_setup.init_app(app, base.runtime, fanout, workers)
