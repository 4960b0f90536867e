"""Sockets handle plain WebSockets, streams and Socket.IO: connecting, joining rooms, and messages from clients. Begin
with `routes.py`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from koyjabo.base.core.runtime import Runtime
    from koyjabo.realtime.fanout import LocalFanout


def init_app(app: "Flask", runtime: "Runtime", fanout: "LocalFanout", workers: int) -> None:
    """Add the handlers to `app`. Socket.IO handlers are registered once per process."""
    from functools import partial

    from koyjabo.web.fast_path.fast_path import STREAM_OPENER
    from . import routes, socketio_handlers, socketio_setup

    socketio_handlers.register()
    app.extensions[STREAM_OPENER] = partial(routes.open_stream, app, routes.STATS)
    app.register_blueprint(routes.bp)
    socketio_setup.init_app(app, runtime, fanout, workers)
