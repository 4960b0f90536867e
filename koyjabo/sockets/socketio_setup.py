"""The options of Flask-SocketIO."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from koyjabo.extensions import socketio
from koyjabo.realtime.fanout import LocalFanout
from koyjabo.realtime.strict_packets import Packet
from koyjabo.runtime import Runtime
from koyjabo.sockets.messages import LARGEST_MESSAGE

if TYPE_CHECKING:
    from flask import Flask


USUAL = {"ping_interval": 25, "ping_timeout": 20, "max_http_buffer_size": LARGEST_MESSAGE}
"""Seconds and bytes, unless the program has set others in `socketio.server_options` before."""


def init_app(app: Flask, runtime: Runtime, fanout: LocalFanout, workers: int) -> None:
    """Flask-SocketIO keeps its options from one application to the next, so each is set every time."""
    log = logging.getLogger("koyjabo.socketio")
    log.setLevel(logging.WARNING)  # at INFO it logs every packet
    before: dict[str, Any] = socketio.server_options
    socketio.init_app(
        app,
        client_manager=fanout,
        async_mode=runtime.async_mode,
        # polling needs each client to come back to the same worker, which nobody promises (decision 6)
        transports=["websocket"] if workers > 1 else ["polling", "websocket"],
        cors_allowed_origins="*",
        cors_credentials=False,
        manage_session=False,
        serializer=Packet,
        always_connect=True,  # the client hears that it is connected before it hears anything else
        monitor_clients=runtime.async_mode == "threading",  # our server has its own sweep
        **{name: before.get(name, usual) for name, usual in USUAL.items()},
        logger=log,
        engineio_logger=log,
    )
