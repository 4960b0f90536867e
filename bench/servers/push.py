"""The product's server with one more route: GET /emit?n=K sends K updates to the room `stats`, as a change would.

`emit` of the product's own `socketio` reaches Socket.IO clients and plain sockets alike; nothing else is changed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from launch import serve_changed

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers"))

ROOM = "stats"


def add_trigger(app) -> None:
    from flask import request
    from update import next_update

    from koyjabo.extensions import socketio

    @app.get("/emit")
    def emit():
        t0 = time.monotonic_ns()
        for _ in range(int(request.args["n"])):
            socketio.emit("visitor_update", next_update(), to=ROOM)
        return f"t0={t0};"


if __name__ == "__main__":
    sys.exit(serve_changed(add_trigger))
