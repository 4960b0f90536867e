"""Sets up Flask-SocketIO."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse

from koyjabo.base.core.extensions import socketio
from koyjabo.base.core.runtime import Runtime
from koyjabo.realtime.fanout import LocalFanout
from koyjabo.realtime.strict_packets import Packet
from .messages import MAX_LIST_MESSAGE_BYTES

if TYPE_CHECKING:
    from flask import Flask


SOCKETIO_PATH = "/socket.io/"
USUAL_OPTIONS = {"ping_interval": 25, "ping_timeout": 20, "max_http_buffer_size": MAX_LIST_MESSAGE_BYTES}
"""Default options, s and bytes. The host program's `socketio.server_options` take precedence."""


def init_app(app: "Flask", runtime: Runtime, fanout: LocalFanout, workers: int) -> None:
    """Set up Flask-SocketIO. Every option is set explicitly, because Flask-SocketIO keeps the options of an earlier
    application in the same process.
    """
    log = logging.getLogger("koyjabo.socketio")
    log.setLevel(logging.WARNING)  # at INFO it logs every packet
    before: dict[str, Any] = socketio.server_options
    socketio.init_app(
        app,
        client_manager=fanout,
        async_mode=runtime.async_mode,
        # Polling requires sticky sessions, which the host may not have: Render has none.
        transports=["websocket"] if workers > 1 else ["polling", "websocket"],
        cors_allowed_origins=[],  # `ResponseHeaders` sets these headers, also of refusals
        manage_session=False,
        serializer=Packet,
        always_connect=True,  # send the packet that confirms the connection before all events
        monitor_clients=runtime.async_mode == "threading",  # our server detects dead clients itself
        **{name: before.get(name, usual) for name, usual in USUAL_OPTIONS.items()},
        logger=log,
        engineio_logger=log,
    )
    layer = app.wsgi_app

    def without_jsonp(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Refuse JSONP polling, which python-engineio cannot turn off. A script request has no `Origin`, so a page on
        another origin of the same site could read the response with its visitor's cookies.

        Serves the path also without its slash, which some frameworks and proxies remove.
        """
        if environ["PATH_INFO"] == SOCKETIO_PATH.rstrip("/"):
            environ["PATH_INFO"] = SOCKETIO_PATH
        if environ["PATH_INFO"].startswith(SOCKETIO_PATH) and "j" in parse_qs(environ.get("QUERY_STRING", ""), True):
            start_response("400 Bad Request", [("Content-Type", "text/plain")])
            return [b"JSONP is not available; poll with requests."]
        return layer(environ, start_response)

    app.wsgi_app = without_jsonp  # type: ignore[method-assign]
