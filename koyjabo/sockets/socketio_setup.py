"""Sets up Flask-SocketIO."""

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
"""Defaults, s and bytes; `socketio.server_options` of the host program has precedence."""


def init_app(app: Flask, runtime: Runtime, fanout: LocalFanout, workers: int) -> None:
    """Set all options: Flask-SocketIO keeps those of an earlier application in the same process."""
    log = logging.getLogger("koyjabo.socketio")
    log.setLevel(logging.WARNING)  # at INFO it logs every packet
    before: dict[str, Any] = socketio.server_options
    socketio.init_app(
        app,
        client_manager=fanout,
        async_mode=runtime.async_mode,
        # polling requires sticky sessions, which the host may not have (decision 6)
        transports=["websocket"] if workers > 1 else ["polling", "websocket"],
        cors_allowed_origins="*",
        cors_credentials=False,
        manage_session=False,
        serializer=Packet,
        always_connect=True,  # the packet that confirms the connection precedes all events
        monitor_clients=runtime.async_mode == "threading",  # our server has its own sweep
        **{name: before.get(name, usual) for name, usual in USUAL.items()},
        logger=log,
        engineio_logger=log,
    )
