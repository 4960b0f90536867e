"""The product's server with one more route: GET /emit?n=K sends K updates to the room `stats`, as changes would.

The product's `socketio.emit` reaches both Socket.IO clients and plain sockets.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from launch import serve_changed

UPDATE = json.loads((Path(__file__).resolve().parents[1] / "load" / "visitor_update.json").read_text())
ROOM = "stats"


def add_trigger(app) -> None:
    from flask import request

    from koyjabo.base.core.extensions import socketio

    last_revision = 0

    def next_update() -> dict:
        """A `visitor_update` newer than any earlier one, in this process and by the clock."""
        nonlocal last_revision
        last_revision = max(last_revision + 1, time.time_ns() // 1_000_000)
        return {**UPDATE, "stats": {**UPDATE["stats"], "revision": last_revision}}

    @app.get("/emit")
    def emit():
        t0 = time.monotonic_ns()
        for _ in range(int(request.args["n"])):
            socketio.emit("visitor_update", next_update(), to=ROOM)
        return f"t0={t0};"


if __name__ == "__main__":
    sys.exit(serve_changed(add_trigger))
